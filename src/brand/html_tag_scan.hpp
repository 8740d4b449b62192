// The classes of bytes inside a tag.
#pragma once
#include <array>
#include <cstdint>

#include "brand/html_token.hpp"

namespace marquee::brand {

inline constexpr std::uint8_t kSpace = 1;
inline constexpr std::uint8_t kSlash = 2;
inline constexpr std::uint8_t kGreater = 4;
inline constexpr std::uint8_t kEquals = 8;
// What ends each part of a tag.
inline constexpr std::uint8_t kEndsName = kSpace | kSlash | kGreater;
inline constexpr std::uint8_t kEndsAttributeName = kEndsName | kEquals;
inline constexpr std::uint8_t kEndsUnquoted = kSpace | kGreater;

inline constexpr auto kTagBytes = [] {
  std::array<std::uint8_t, 256> table{};
  for (const char c : {' ', '\t', '\n', '\r', '\f'}) table[static_cast<unsigned char>(c)] = kSpace;
  table['/'] = kSlash;
  table['>'] = kGreater;
  table['='] = kEquals;
  return table;
}();

inline bool tag_byte(char c, unsigned classes) {
  return (kTagBytes[static_cast<unsigned char>(c)] & classes) != 0;
}

// A '<' in front of one of these may be more than text.
inline constexpr auto kOpensMarkup = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = is_alpha(static_cast<char>(c)) || c == '/' || c == '!' || c == '?';
  return table;
}();

inline bool opens_markup(char c) { return kOpensMarkup[static_cast<unsigned char>(c)]; }

// tag_code of each byte; kEndOfName ends the name.
inline constexpr unsigned kFirstLetter = tag_code('a');
inline constexpr std::uint8_t kEndOfName = 0xFE;
inline constexpr auto kNameBytes = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = (kTagBytes[c] & kEndsName) != 0
                   ? kEndOfName
                   : static_cast<std::uint8_t>(tag_code(static_cast<unsigned char>(c)));
  return table;
}();

}  // namespace marquee::brand
