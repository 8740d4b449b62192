#include "base/idna.hpp"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace marquee::base::idna {
namespace {

struct Idn2Free {
  void operator()(char* text) const { idn2_free(text); }
};
using Idn2Text = std::unique_ptr<char, Idn2Free>;

// Not IDN2_USE_STD3_ASCII_RULES: it deletes underscores and asterisks. The
// grammar of hostname.cpp judges the result instead.
constexpr int kFlags = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT;

Idn2Text encode(const char* utf8) {
  char* out = nullptr;
  if (idn2_to_ascii_8z(utf8, &out, kFlags) != IDN2_OK) return nullptr;
  return Idn2Text(out);
}

// One code point, strictly (RFC 3629: no surrogates, no overlong forms).
// Returns its length in bytes, 0 for bytes that are not UTF-8.
std::size_t decode(std::string_view text, char32_t& point) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) {
    point = lead;
    return 1;
  }
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  point = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    point = (point << 6) | (at(i) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
  return size;
}

// Code points that UTS-46 maps to nothing, or may in another Unicode version
// (Default_Ignorable_Code_Point of Unicode 15, but for the joiners U+200C/D,
// which the CONTEXTJ rules judge). Taking them would delete characters.
bool is_ignored(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range ranges[] = {
      {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},  {0x115f, 0x1160}, {0x17b4, 0x17b5},
      {0x180b, 0x180f},   {0x200b, 0x200b},   {0x200e, 0x200f},  {0x202a, 0x202e}, {0x2060, 0x206f},
      {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},  {0xffa0, 0xffa0}, {0xfff0, 0xfff8},
      {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& r) { return c >= r.first && c <= r.last; });
}

}  // namespace

std::size_t leading_dot(std::string_view text) {
  if (text.starts_with("\u3002") || text.starts_with("\uff0e") || text.starts_with("\uff61")) {
    return 3;
  }
  return 0;
}

Label to_ascii(std::string_view utf8, char* out) {
  if (utf8.size() > kMaxUtf8Label) return {0, HostError::label_too_long};
  for (std::size_t i = 0; i < utf8.size();) {
    char32_t point = 0;
    const std::size_t size = decode(utf8.substr(i), point);
    if (size == 0) return {0, HostError::bad_utf8};
    if (is_ignored(point)) return {0, HostError::ignored_character};
    i += size;
  }
  char text[kMaxUtf8Label + 1];
  std::memcpy(text, utf8.data(), utf8.size());
  text[utf8.size()] = '\0';
  const Idn2Text ascii = encode(text);
  if (!ascii) return {0, HostError::not_mappable};
  const std::string_view label(ascii.get());
  if (label.size() > kMaxLabel) return {0, HostError::label_too_long};
  std::memcpy(out, label.data(), label.size());
  return {label.size(), HostError::none};
}

bool round_trips(std::string_view label) {
  if (label.size() > kMaxLabel) return false;
  char text[kMaxLabel + 1];
  std::memcpy(text, label.data(), label.size());
  text[label.size()] = '\0';
  char* decoded = nullptr;
  if (idn2_to_unicode_8z8z(text, &decoded, 0) != IDN2_OK) return false;
  const Idn2Text utf8(decoded);
  const std::string_view view(utf8.get());
  const bool ascii_only = std::all_of(view.begin(), view.end(),
                                      [](char c) { return static_cast<signed char>(c) >= 0; });
  if (ascii_only) return false;
  const Idn2Text again = encode(utf8.get());
  return again && label == again.get();
}

}  // namespace marquee::base::idna
