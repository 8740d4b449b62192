#include "base/request_path.hpp"

#include <algorithm>
#include <array>

namespace marquee::base {
namespace {

constexpr int kRounds = 3;  // of decoding

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum class Byte : std::uint8_t { plain, slash, end, odd };

// Odd are those that make a path another one for some server.
constexpr std::array<Byte, 256> kBytes = [] {
  std::array<Byte, 256> t{};
  for (std::size_t c = 0; c <= 0x20; ++c) t[c] = Byte::odd;
  for (const std::size_t c : {0x7fu, 0xc0u, 0xc1u, 0xe0u, 0xf0u}) t[c] = Byte::odd;
  t['%'] = t['\\'] = t[';'] = t['#'] = Byte::odd;
  t['/'] = Byte::slash;
  t['?'] = Byte::end;
  return t;
}();

// The path in front of a query, if all servers read it alike; else nothing.
std::string_view plain_path(std::string_view target) {
  std::size_t size = target.size();
  for (std::size_t i = 0; i < target.size(); ++i) {
    const Byte byte = kBytes[static_cast<unsigned char>(target[i])];
    if (byte == Byte::plain) [[likely]]
      continue;
    if (byte == Byte::odd) return {};
    if (byte == Byte::end) {
      size = i;
      break;
    }
    if (i + 1 < target.size() && (target[i + 1] == '/' || target[i + 1] == '.')) return {};
    if (i > 0 && target[i - 1] == '.') return {};
  }
  if (size > 0 && target[size - 1] == '.') return {};
  return target.substr(0, size);
}

bool is_separator(char c) { return c == '/' || c == '\\'; }
bool is_control(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

// More bytes than a character needs (RFC 3629 3): some decoders still take them.
bool has_overlong(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (next < 0x80 || next > 0xbf) continue;
    if (lead == 0xc0 || lead == 0xc1 || (lead == 0xe0 && next < 0xa0) ||
        (lead == 0xf0 && next < 0x90))
      return true;
  }
  return false;
}

std::string_view trimmed(std::string_view name) {
  while (name.starts_with(' ')) name.remove_prefix(1);
  while (name.ends_with(' ')) name.remove_suffix(1);
  return name;
}

// Segment by segment, into both readings.
class Reader {
 public:
  void add(std::string_view segment, bool first, bool last) {
    const std::string_view shown = segment.substr(0, segment.find_first_of("?#"));
    const bool cut = shown.size() != segment.size();
    const std::string_view dots = trimmed(shown.substr(0, shown.find(';')));
    if (dots == "..") at_least(Spelling::ambiguous);
    if (dots == "." || (dots.empty() && !shown.empty())) at_least(Spelling::moved);
    if (segment.empty() && !last) at_least(first ? Spelling::moved : Spelling::loose);
    if (cut || segment.find(';') != segment.npos) at_least(Spelling::loose);
    const std::string_view name = bare_name(shown);
    if (name.empty() && !dots.empty()) at_least(Spelling::loose);
    append(strict, segment == "." ? std::string_view() : segment, last);
    if (!cut_) append(loose, name, last || cut);
    cut_ |= cut;
  }
  void at_least(Spelling s) { spelling = std::max(spelling, s); }

  std::string strict;
  std::string loose;
  Spelling spelling = Spelling::escaped;

 private:
  static void append(std::string& to, std::string_view name, bool last) {
    if (!name.empty() || last) to.append("/").append(name);
  }
  bool cut_ = false;  // the generous reading is at its end
};

}  // namespace

bool decode_escapes(std::string& text) {
  std::size_t out = 0;
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
      any = true;
    }
    text[out++] = c;
  }
  text.resize(out);
  return any;
}

std::string_view bare_name(std::string_view segment) {
  std::string_view name = trimmed(segment.substr(0, segment.find(';')));
  while (name.ends_with('.') || name.ends_with(' ')) name.remove_suffix(1);
  return name;
}

ReadPath read_path(std::string_view target, std::string& buffer) {
  if (const std::string_view plain = plain_path(target); !plain.empty())
    return {Spelling::plain, plain, plain, plain};
  ReadPath out;
  out.raw = target.substr(0, target.find('?'));
  std::string text(out.raw);
  Reader reader;
  for (int round = 0; round < kRounds; ++round) {
    if (!decode_escapes(text)) break;
    if (round > 0) reader.at_least(Spelling::loose);
  }
  if (std::count_if(text.begin(), text.end(), is_separator) !=
          std::count(out.raw.begin(), out.raw.end(), '/') ||
      out.raw.find('\\') != out.raw.npos)
    reader.at_least(Spelling::moved);
  std::string deeper = text;
  if (decode_escapes(deeper) || has_overlong(text) ||
      std::any_of(text.begin(), text.end(), is_control))
    reader.at_least(Spelling::ambiguous);
  const std::size_t begin = !text.empty() && is_separator(text.front()) ? 1 : 0;
  for (std::size_t at = begin;;) {
    std::size_t end = at;
    while (end < text.size() && !is_separator(text[end])) ++end;
    const bool last = end == text.size();
    reader.add(std::string_view(text).substr(at, end - at), at == begin, last);
    if (last) break;
    at = end + 1;
  }
  out.spelling = reader.spelling;
  buffer = reader.strict + reader.loose;
  out.strict = std::string_view(buffer).substr(0, reader.strict.size());
  out.loose = std::string_view(buffer).substr(reader.strict.size());
  return out;
}

}  // namespace marquee::base
