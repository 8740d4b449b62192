// Hostnames: one value, one normaliser, for SNI, :authority, Host, settings,
// API input and database rows (design 5). After it everything compares bytes.
//
// The normal form is lower case, without port and trailing dot, at most 253
// bytes, of labels of 1..63 letters, digits, hyphens and underscores (RFC 1123
// section 2.1, and the underscore of real names such as my_site) that neither
// begin nor end with a hyphen. Non-ASCII labels are converted by UTS-46
// (non-transitional), and an xn-- label must survive decoding and encoding
// unchanged. No character is ever deleted or altered to make a name fit.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::base {

enum class HostError : std::uint8_t {
  none,
  empty,
  too_long,
  empty_label,
  label_too_long,
  bad_character,
  bad_hyphen,
  ends_in_number,
  bad_port,
  bad_ipv6,
  bad_utf8,
  ignored_character,
  not_mappable,
  bad_punycode,
  ip_literal,    // where only a name will do
  bad_wildcard,  // parse_wildcard only
};

// What is wrong and what is expected, without a full stop: "has an empty label".
std::string_view sentence(HostError error);

enum class HostKind : std::uint8_t { invalid, name, ipv4, ipv6 };

inline constexpr std::size_t kMaxHostname = 253;
using HostBuffer = char[kMaxHostname + 1];

// Outcome of normalise_into. `text` points into the caller's buffer: the normal
// form of a name, "192.0.2.1", or "[2001:db8::1]" in the form of RFC 5952.
struct NormalisedHost {
  std::string_view text;
  HostKind kind = HostKind::invalid;
  HostError error = HostError::none;  // not none exactly if kind is invalid
  std::int32_t port = -1;             // -1: none was given
  explicit operator bool() const { return kind != HostKind::invalid; }
};

// For the request path. Allocates nothing, except that libidn2 does when a
// label is not ASCII or begins with xn--. `out` need not be initialised and may
// not overlap `in`. Its content is unspecified after an error.
NormalisedHost normalise_into(std::string_view in, HostBuffer& out);

// An immutable normalised name (never an IP literal). Made by parse_hostname
// only, so that holding one is the proof that it was checked.
class Hostname {
 public:
  std::string_view text() const { return text_; }
  const std::string& string() const { return text_; }
  std::string_view first_label() const { return text().substr(0, text().find('.')); }
  // What stands after the first dot; empty for a single label.
  std::string_view parent() const {
    const auto dot = text_.find('.');
    return dot == std::string::npos ? std::string_view() : text().substr(dot + 1);
  }
  // The other name of the www pair; nothing where it would not be a hostname.
  // "shop.example" <-> "www.shop.example". A single label (but localhost) has no
  // twin, so that "www.com" is a bare name. The twin's twin is the name itself.
  std::optional<Hostname> www_twin() const;
  bool is_www() const;  // the www side of its pair

  friend bool operator==(const Hostname&, const Hostname&) = default;
  friend auto operator<=>(const Hostname&, const Hostname&) = default;

 private:
  friend struct HostnameResult parse_hostname(std::string_view in);
  friend struct HostnameResult parse_wildcard(std::string_view in);
  explicit Hostname(std::string_view text) : text_(text) {}
  std::string text_;
};

struct HostnameResult {
  std::optional<Hostname> name;       // set exactly if kind is HostKind::name
  HostKind kind = HostKind::invalid;  // ipv4, ipv6: `literal` holds its text
  HostError error = HostError::none;
  std::int32_t port = -1;
  std::string literal;
  explicit operator bool() const { return name.has_value(); }
  // sentence(error), also for IP literals.
  std::string_view why() const;
};

HostnameResult parse_hostname(std::string_view in);

// "*.sites.example.com" -> the name below which one label matches. For settings
// and rows only: a wildcard never comes from a client. No port is taken. The
// parent needs two labels (*.com is refused), except *.localhost.
HostnameResult parse_wildcard(std::string_view in);

// Hash and equality for tables with string_view look-up.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
  std::size_t operator()(const Hostname& name) const noexcept { return (*this)(name.text()); }
};
struct TextEqual {
  using is_transparent = void;
  static std::string_view view(std::string_view text) { return text; }
  static std::string_view view(const Hostname& name) { return name.text(); }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const noexcept {
    return view(a) == view(b);
  }
};

}  // namespace marquee::base

template <>
struct std::hash<marquee::base::Hostname> {
  std::size_t operator()(const marquee::base::Hostname& name) const noexcept {
    return std::hash<std::string_view>{}(name.text());
  }
};
