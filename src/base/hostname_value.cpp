// The Hostname value and its parsers for settings and rows; the rules are in
// hostname.cpp.
#include "base/hostname.hpp"

namespace marquee::base {

std::string_view sentence(HostError error) {
  switch (error) {
    case HostError::none:
      return "is a hostname";
    case HostError::empty:
      return "is empty; write a hostname such as shop.example.com";
    case HostError::too_long:
      return "is longer than the 253 bytes a hostname may have";
    case HostError::empty_label:
      return "has an empty label; write one dot between two labels";
    case HostError::label_too_long:
      return "has a label longer than 63 bytes";
    case HostError::bad_character:
      return "has a character that no hostname may have; use letters, digits, hyphens, "
             "underscores and dots";
    case HostError::bad_hyphen:
      return "has a label that begins or ends with a hyphen";
    case HostError::ends_in_number:
      return "ends in a number but is no IPv4 address; the last label of a hostname has a letter";
    case HostError::bad_port:
      return "has a port that is no number from 0 to 65535";
    case HostError::bad_ipv6:
      return "is no IPv6 address in brackets, such as [2001:db8::1]";
    case HostError::bad_utf8:
      return "is not valid UTF-8";
    case HostError::ignored_character:
      return "has an invisible character; write the name without it";
    case HostError::not_mappable:
      return "has a label that is no valid internationalised name";
    case HostError::bad_punycode:
      return "has an xn-- label that does not decode and encode to itself; write the name in "
             "Unicode";
    case HostError::ip_literal:
      return "is an IP address; write a hostname";
    case HostError::bad_wildcard:
      return "is no wildcard; write *. and a name of at least two labels, such as "
             "*.sites.example.com";
  }
  return "is no hostname";
}

std::string_view HostnameResult::why() const {
  const bool literal_kind = kind == HostKind::ipv4 || kind == HostKind::ipv6;
  return sentence(literal_kind ? HostError::ip_literal : error);
}

// An odd number of www labels: "www.www.shop.example" is the bare side of its
// own pair, as "www.shop.example" is taken by the pair of "shop.example".
bool Hostname::is_www() const {
  bool www = false;
  for (std::string_view rest = text(); rest.starts_with("www.");) {
    rest.remove_prefix(4);
    if (rest != "localhost" && rest.find('.') == std::string_view::npos) break;
    www = !www;
  }
  return www;
}

std::optional<Hostname> Hostname::www_twin() const {
  if (is_www()) return Hostname(text().substr(4));
  if (parent().empty() && text() != "localhost") return std::nullopt;
  if (text_.size() + 4 > kMaxHostname) return std::nullopt;
  return Hostname("www." + text_);
}

HostnameResult parse_hostname(std::string_view in) {
  HostBuffer buffer;
  const NormalisedHost host = normalise_into(in, buffer);
  HostnameResult result;
  result.kind = host.kind;
  result.error = host.error;
  result.port = host.port;
  if (host.kind == HostKind::name) {
    result.name = Hostname(host.text);
  } else if (host) {
    result.literal = host.text;
  }
  return result;
}

HostnameResult parse_wildcard(std::string_view in) {
  HostnameResult result;
  if (!in.starts_with("*.")) {
    result.error = HostError::bad_wildcard;
    return result;
  }
  in.remove_prefix(2);
  result = parse_hostname(in);
  const bool usable = result.name && result.port < 0 && !in.ends_with(':') &&
                      result.name->text().size() + 2 <= kMaxHostname &&
                      (result.name->text() == "localhost" || !result.name->parent().empty());
  if (usable) return result;
  const bool name = result.kind != HostKind::invalid;
  result = {};
  result.error = name ? HostError::bad_wildcard : parse_hostname(in).error;
  return result;
}

}  // namespace marquee::base
