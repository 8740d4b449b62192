#include "base/json_text.hpp"

#include <array>
#include <charconv>
#include <cstring>

namespace marquee::base {
namespace {

// How a byte is written: as it is, with a backslash and this letter, as \u00XX,
// or only as part of a UTF-8 sequence.
constexpr char kPlain = 0;
constexpr char kControl = 1;
constexpr char kMultibyte = 2;
constexpr std::array<char, 256> kClass = [] {
  std::array<char, 256> t{};
  for (std::size_t c = 0; c < 0x20; ++c) t[c] = kControl;
  for (std::size_t c = 0x80; c < 0x100; ++c) t[c] = kMultibyte;
  t[0x7f] = kControl;
  t['"'] = '"';
  t['\\'] = '\\';
  t['\b'] = 'b';
  t['\f'] = 'f';
  t['\n'] = 'n';
  t['\r'] = 'r';
  t['\t'] = 't';
  return t;
}();

char class_of(char c) { return kClass[static_cast<unsigned char>(c)]; }

// Bytes of the valid UTF-8 sequence at the start of `text`; 0 if there is none
// (RFC 3629 section 4: no overlong forms, surrogates, or beyond U+10FFFF).
std::size_t sequence(const char* text, std::size_t left) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (left < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = at(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
  return size;
}

}  // namespace

void JsonText::raw(std::string_view text) {
  if (text.size() > left()) {
    overflowed_ = true;
    return;
  }
  if (!text.empty()) std::memcpy(at_, text.data(), text.size());
  at_ += text.size();
}

void JsonText::escaped(std::string_view text) {
  const char* in = text.data();
  const char* const stop = in + text.size();
  while (in != stop && !overflowed_) {
    const char* run = in;
    while (run != stop && class_of(*run) == kPlain) ++run;
    if (run != in) {
      raw({in, static_cast<std::size_t>(run - in)});
      in = run;
      continue;
    }
    const char kind = class_of(*in);
    if (kind == kMultibyte) {
      const std::size_t size = sequence(in, static_cast<std::size_t>(stop - in));
      raw(size == 0 ? std::string_view("\\ufffd") : std::string_view(in, size));
      in += size == 0 ? 1 : size;
      continue;
    }
    if (kind == kControl) {
      constexpr char hex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(*in);
      const char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 0xf]};
      raw({escape, sizeof escape});
    } else {
      const char escape[2] = {'\\', kind};
      raw({escape, sizeof escape});
    }
    ++in;
  }
}

void JsonText::string(std::string_view text) {
  const std::size_t before = size();
  raw("\"");
  escaped(text);
  raw("\"");
  if (overflowed_) at_ = begin_ + before;
}

void JsonText::number(std::int64_t value) {
  const auto [end, error] = std::to_chars(at_, end_, value);
  if (error != std::errc()) {
    overflowed_ = true;
  } else {
    at_ = end;
  }
}

void JsonText::number(std::uint64_t value) {
  const auto [end, error] = std::to_chars(at_, end_, value);
  if (error != std::errc()) {
    overflowed_ = true;
  } else {
    at_ = end;
  }
}

void JsonText::thousandths(std::uint64_t value) {
  const std::size_t before = size();
  number(value / 1000);
  const auto rest = static_cast<unsigned>(value % 1000);
  const auto digit = [](unsigned d) { return static_cast<char>('0' + d); };
  const char decimals[4] = {'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)};
  raw({decimals, sizeof decimals});
  if (overflowed_) at_ = begin_ + before;
}

}  // namespace marquee::base
