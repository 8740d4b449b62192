#include "base/hostname.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/idna.hpp"

namespace marquee::base {
namespace {

using Table = std::array<char, 256>;

// Lower-case form of each byte a label may hold; 0 for all others.
constexpr Table kLabelByte = [] {
  Table t{};
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<std::size_t>(c)] = static_cast<char>(c);
  for (int c = 'A'; c <= 'Z'; ++c) t[static_cast<std::size_t>(c)] = static_cast<char>(c + 32);
  for (int c = '0'; c <= '9'; ++c) t[static_cast<std::size_t>(c)] = static_cast<char>(c);
  t['-'] = '-';
  t['_'] = '_';
  return t;
}();

char label_byte(char c) { return kLabelByte[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii(char c) { return static_cast<signed char>(c) >= 0; }

NormalisedHost refuse(HostError error) { return {{}, HostKind::invalid, error, -1}; }

// `text` stands after the colon; an empty port is legal (RFC 3986 3.2.3).
bool parse_port(std::string_view text, std::int32_t& port) {
  if (text.size() > 5) return false;
  std::int32_t value = text.empty() ? -1 : 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + (c - '0');
  }
  port = value;
  return value <= 65535;
}

HostError judge_label(std::string_view label) {
  if (label.empty()) return HostError::empty_label;
  if (label.size() > idna::kMaxLabel) return HostError::label_too_long;
  if (label.front() == '-' || label.back() == '-') return HostError::bad_hyphen;
  return HostError::none;
}

// A last label that some readers would take for a part of an IPv4 address, in
// decimal or hexadecimal (WHATWG URL, "ends in a number").
bool is_numeric(std::string_view label) {
  if (!is_digit(label.front())) return false;
  if (label.starts_with("0x")) {
    return std::all_of(label.begin() + 2, label.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
  }
  return std::all_of(label.begin(), label.end(), is_digit);
}

// Judges what the last label decides; `text` is NUL-terminated in its buffer.
NormalisedHost finish(std::string_view text, std::string_view last, std::int32_t port) {
  if (!is_numeric(last)) return {text, HostKind::name, HostError::none, port};
  in_addr v4{};
  if (inet_pton(AF_INET, text.data(), &v4) != 1) return refuse(HostError::ends_in_number);
  return {text, HostKind::ipv4, HostError::none, port};
}

NormalisedHost parse_ipv6(std::string_view in, HostBuffer& out) {
  const auto close = in.find(']');
  if (close == std::string_view::npos) return refuse(HostError::bad_ipv6);
  const std::string_view literal = in.substr(1, close - 1);
  char text[INET6_ADDRSTRLEN];
  in6_addr v6{};
  if (literal.size() >= sizeof text) return refuse(HostError::bad_ipv6);
  std::memcpy(text, literal.data(), literal.size());
  text[literal.size()] = '\0';
  // A NUL inside would end the text early; inet_pton itself takes no zone.
  if (std::memchr(text, 0, literal.size()) != nullptr || inet_pton(AF_INET6, text, &v6) != 1) {
    return refuse(HostError::bad_ipv6);
  }
  std::int32_t port = -1;
  const std::string_view rest = in.substr(close + 1);
  if (!rest.empty() && (rest.front() != ':' || !parse_port(rest.substr(1), port))) {
    return refuse(HostError::bad_port);
  }
  out[0] = '[';
  inet_ntop(AF_INET6, &v6, out + 1, sizeof out - 2);
  std::size_t size = 1 + std::strlen(out + 1);
  out[size++] = ']';
  return {{out, size}, HostKind::ipv6, HostError::none, port};
}

// Converts or checks one label of a name that has a non-ASCII or xn-- label.
HostError mapped_label(std::string_view label, char* out, std::size_t& size) {
  const bool ascii = std::all_of(label.begin(), label.end(), is_ascii);
  for (const char c : label) {
    if (is_ascii(c) && label_byte(c) == 0) return HostError::bad_character;
  }
  if (ascii) {
    if (label.size() > idna::kMaxLabel) return HostError::label_too_long;
    std::transform(label.begin(), label.end(), out, label_byte);
    size = label.size();
  } else {
    const idna::Label result = idna::to_ascii(label, out);
    if (result.error != HostError::none) return result.error;
    size = result.size;
    for (const char c : std::string_view(out, size)) {
      if (label_byte(c) != c) return HostError::bad_character;
    }
  }
  const std::string_view result(out, size);
  if (const HostError e = judge_label(result); e != HostError::none) return e;
  if (result.starts_with("xn--") && !idna::round_trips(result)) return HostError::bad_punycode;
  return HostError::none;
}

// The way of names that need libidn2. Label by label: a character that maps to
// a dot or a colon must not make a new label or a port.
NormalisedHost normalise_mapped(std::string_view in, HostBuffer& out) {
  std::int32_t port = -1;
  if (const auto colon = in.find(':'); colon != std::string_view::npos) {
    if (!parse_port(in.substr(colon + 1), port)) return refuse(HostError::bad_port);
    in = in.substr(0, colon);
  }
  if (in.size() > 4 * kMaxHostname) return refuse(HostError::too_long);
  std::size_t n = 0;
  std::string_view last;
  while (true) {
    std::size_t end = 0;
    std::size_t dot = 0;
    for (; end < in.size(); ++end) {
      dot = in[end] == '.' ? 1 : is_ascii(in[end]) ? 0 : idna::leading_dot(in.substr(end));
      if (dot != 0) break;
    }
    char label[idna::kMaxLabel];
    std::size_t size = 0;
    const HostError e = mapped_label(in.substr(0, end), label, size);
    if (e != HostError::none) return refuse(n == 0 && in.empty() ? HostError::empty : e);
    if (n + size > kMaxHostname) return refuse(HostError::too_long);
    std::memcpy(out + n, label, size);
    last = {out + n, size};
    n += size;
    in.remove_prefix(end + (end < in.size() ? dot : 0));
    if (in.empty()) break;
    if (n + 1 > kMaxHostname) return refuse(HostError::too_long);
    out[n++] = '.';
  }
  out[n] = '\0';
  NormalisedHost result = finish({out, n}, last, port);
  // Digits of another script that spell an address: no reader should follow.
  if (result.kind == HostKind::ipv4) return refuse(HostError::ends_in_number);
  return result;
}

}  // namespace

NormalisedHost normalise_into(std::string_view in, HostBuffer& out) {
  if (in.empty()) return refuse(HostError::empty);
  if (in.front() == '[') return parse_ipv6(in, out);
  // Bytes keep their places: in[i] becomes out[i].
  const std::size_t limit = std::min(in.size(), kMaxHostname);
  std::size_t i = 0;
  std::size_t size = 0;
  std::string_view label;
  for (std::size_t start = 0;; start = ++i) {
    for (; i < limit; ++i) {
      const char lower = label_byte(in[i]);
      if (lower == 0) break;
      out[i] = lower;
    }
    size = i;
    label = {out + start, i - start};
    if (label.starts_with("xn--")) return normalise_mapped(in, out);
    if (i == in.size() || in[i] != '.') break;
    if (const HostError e = judge_label(label); e != HostError::none) return refuse(e);
    if (i + 1 == in.size() || in[i + 1] == ':') {  // the root's dot
      ++i;
      break;
    }
    if (i == limit) return refuse(HostError::too_long);
    out[i] = '.';
  }
  std::int32_t port = -1;
  if (i < in.size()) {
    if (!is_ascii(in[i])) return normalise_mapped(in, out);
    if (label_byte(in[i]) != 0) return refuse(HostError::too_long);
    if (in[i] != ':') return refuse(HostError::bad_character);
    if (size == 0) return refuse(HostError::empty);
    if (!parse_port(in.substr(i + 1), port)) return refuse(HostError::bad_port);
  }
  if (const HostError e = judge_label(label); e != HostError::none) return refuse(e);
  out[size] = '\0';
  return finish({out, size}, label, port);
}

}  // namespace marquee::base
