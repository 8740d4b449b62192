#include "brand/escape.hpp"

#include <array>
#include <charconv>

namespace marquee::brand {

namespace {

// Of what means something in HTML; empty: it does not.
std::string_view reference_of(std::int32_t c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

// No control character, and none at all where there was no UTF-8.
bool is_text(std::int32_t c) { return c >= 0x20 && (c < 0x7F || c >= 0xA0); }

}  // namespace

std::int32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at++);
  if (first < 0x80) return static_cast<std::int32_t>(first);
  std::size_t more = 0;
  std::uint32_t least = 0;
  if (first >= 0xC2 && first <= 0xDF) more = 1, least = 0x80;
  if ((first & 0xF0U) == 0xE0) more = 2, least = 0x800;
  if (first >= 0xF0 && first <= 0xF4) more = 3, least = 0x10000;
  if (more == 0) return -1;
  std::uint32_t c = first & (0x3FU >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const unsigned next = byte(at + i);
    if ((next & 0xC0U) != 0x80) return -1;
    c = c << 6 | (next & 0x3FU);
  }
  if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return -1;
  at += more;
  return static_cast<std::int32_t>(c);
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

std::string escape_html(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t c = next_character(text, at);
    if (at > limit) break;
    if (const std::string_view reference = reference_of(c); !reference.empty()) {
      out += reference;
      continue;
    }
    if (c == '\t' || c == '\n' || c == '\r') {
      out.push_back(' ');
      continue;
    }
    if (!is_text(c)) continue;
    if ((c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF)) continue;
    if (c < 0x7F) {
      out.push_back(static_cast<char>(c));
      continue;
    }
    std::array<char, 12> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), c).ptr;
    out.append("&#").append(digits.data(), end).push_back(';');
  }
  return out;
}

void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::int32_t c = next_character(text, at);
    if (const std::string_view reference = reference_of(c); !reference.empty())
      out += reference;
    else
      out += is_text(c) ? text.substr(begin, at - begin) : std::string_view("\xEF\xBF\xBD");
  }
}

}  // namespace marquee::brand
