#include "proxy/policy/path_rules.hpp"

#include <algorithm>
#include <array>

namespace marquee::proxy::policy {
namespace {

constexpr int kRounds = 3;  // of decoding

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

enum class Byte : std::uint8_t { plain, slash, end, odd };

// Odd are those that make a path another one for some server.
constexpr std::array<Byte, 256> kBytes = [] {
  std::array<Byte, 256> t{};
  for (int c = 0; c < 0x20; ++c) t[static_cast<std::size_t>(c)] = Byte::odd;
  t['%'] = t['\\'] = t[';'] = t[0x7f] = t[0xc0] = t[0xc1] = Byte::odd;
  t['/'] = Byte::slash;
  t['?'] = t['#'] = Byte::end;
  return t;
}();

// The path in front of a query, if all servers read it alike; else nothing.
std::string_view plain_path(std::string_view target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    const Byte byte = kBytes[static_cast<unsigned char>(target[i])];
    if (byte == Byte::plain) [[likely]]
      continue;
    if (byte == Byte::end) return target.substr(0, i);
    if (byte == Byte::odd) return {};
    if (i + 1 < target.size() && (target[i + 1] == '/' || target[i + 1] == '.')) return {};
  }
  return target;
}

// One round, in place. True if there was something to decode.
bool decode(std::string& text, bool plus) {
  std::size_t out = 0;
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
      any = true;
    } else if (plus && c == '+') {
      c = ' ';
    }
    text[out++] = c;
  }
  text.resize(out);
  return any;
}

// Two bytes for one of ASCII (RFC 3629 3): some decoders still take them.
bool has_overlong(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if ((lead == 0xc0 || lead == 0xc1) && next >= 0x80 && next <= 0xbf) return true;
  }
  return false;
}

// A NUL ends the path for servers written in C: what stands before it is judged.
bool is_separator(char c) { return c == '/' || c == '\\' || c == '\0'; }

std::string_view without_parameters(std::string_view segment) {
  return segment.substr(0, segment.find(';'));
}

template <typename Equal>
bool under(std::string_view path, std::string_view prefix, Equal equal) {
  if (prefix == "/") return true;
  if (path.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (!equal(prefix[i], path[i])) return false;
  return path.size() == prefix.size() || path[prefix.size()] == '/';
}

// The segment behind `prefix`, or nothing.
std::string_view segment_below(std::string_view path, std::string_view prefix) {
  if (!is_under_any_case(path, prefix) || path.size() <= prefix.size() + 1) return {};
  path.remove_prefix(prefix.size() + 1);
  return path.substr(0, path.find('/'));
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

ReadPath read_path(std::string_view target, std::string& buffer) {
  if (const std::string_view plain = plain_path(target); !plain.empty())
    return {false, plain, plain};
  const std::string_view path = target.substr(0, target.find_first_of("?#"));
  ReadPath out;
  std::string text(path);
  for (int round = 0; round < kRounds && decode(text, false); ++round) {
  }
  std::string rest = text;
  out.ambiguous = decode(rest, false) || has_overlong(text);
  // What control characters are left: no server means anything by them.
  std::erase_if(text, [](char c) { return (c > 0 && c < 0x20) || c == 0x7f; });
  std::string strict;
  std::string loose;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !is_separator(text[end])) ++end;
    const std::string_view segment = std::string_view(text).substr(at, end - at);
    const std::string_view bare = without_parameters(segment);
    out.ambiguous |= bare == "..";
    if (!segment.empty() && segment != ".") strict.append("/").append(segment);
    if (!bare.empty() && bare != ".") loose.append("/").append(bare);
    at = end + 1;
  }
  if (strict.empty()) strict = "/";
  if (loose.empty()) loose = "/";
  buffer = strict + loose;
  out.strict = std::string_view(buffer).substr(0, strict.size());
  out.loose = std::string_view(buffer).substr(strict.size());
  return out;
}

bool is_under(std::string_view path, std::string_view prefix) {
  return under(path, prefix, [](char a, char b) { return a == b; });
}

bool is_under_any_case(std::string_view path, std::string_view prefix) {
  return under(path, prefix, [](char a, char b) { return lower(a) == lower(b); });
}

PathVerdict PathRules::judge(const ReadPath& path) const {
  if (empty() || !path.strict.starts_with('/')) return PathVerdict::served;
  if (path.ambiguous) return PathVerdict::ambiguous;
  const bool alike = path.loose.data() == path.strict.data();
  const auto matches = [&path, alike](const std::string& prefix) {
    return is_under_any_case(path.loose, prefix) ||
           (!alike && is_under_any_case(path.strict, prefix));
  };
  if (std::any_of(refused_.begin(), refused_.end(), matches)) return PathVerdict::refused;
  if (allowed_.empty()) return PathVerdict::served;
  const bool listed = std::any_of(allowed_.begin(), allowed_.end(), [&path](const auto& prefix) {
    return is_under(path.strict, prefix);
  });
  return listed ? PathVerdict::served : PathVerdict::refused;
}

bool is_own(const ReadPath& path, std::string_view target, const PathOwner& owner) {
  if (path.loose.size() < 4 || lower(path.loose[1]) != 'a') return true;  // most are no API's
  if (!is_under_any_case(path.loose, "/api")) return true;
  const auto differs = [](std::string_view named, std::string_view own) {
    return !named.empty() && !own.empty() && !same(named, own);
  };
  if (differs(segment_below(path.loose, "/api/modules"), owner.module)) return false;
  if (differs(segment_below(path.loose, "/api/sites"), owner.site)) return false;
  if (owner.site.empty()) return true;
  const auto named = query_values(target, "site_id", 8);
  return std::none_of(named.begin(), named.end(),
                      [&](const std::string& id) { return differs(id, owner.site); });
}

std::vector<std::string> query_values(std::string_view target, std::string_view name,
                                      std::size_t most) {
  std::vector<std::string> out;
  const std::size_t begin = target.find('?');
  if (begin == std::string_view::npos) return out;
  std::string_view rest = target.substr(begin + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty() && out.size() < most) {
    const std::size_t end = rest.find_first_of("&;");
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = pair.find('=');
    std::string key(pair.substr(0, equals));
    decode(key, true);
    if (key != name) continue;
    std::string value(equals == std::string_view::npos ? std::string_view()
                                                       : pair.substr(equals + 1));
    decode(value, true);
    out.push_back(std::move(value));
  }
  return out;
}

}  // namespace marquee::proxy::policy
