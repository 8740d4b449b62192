// Judges a parsed head: where its body ends, who it is for, whether the
// connection may live on. Smuggling needs two readings of one message; so
// whatever could be read in two ways is refused (RFC 9112 6.1, 6.3, 11.2).
#pragma once
#include <cstdint>

#include "proxy/http/head.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

// Fills the judged members of `head` and drops hop-by-hop fields, fields named
// in Connection, and underscore twins of names that we own.
Refusal judge(RequestHead& head);

struct ResponseContext {
  Method request_method = Method::get;
  std::string_view upgrade_to;  // empty: no tunnel was asked for
};
Refusal judge(ResponseHead& head, const ResponseContext& context);

// Digits only, at most 19 of them (RFC 9110 8.6); false otherwise.
bool parse_content_length(std::string_view value, std::uint64_t& into);

// Calls `each(token)` for the comma-separated members of a list field, trimmed;
// empty members are skipped. Stops when `each` returns false.
template <typename Each>
bool for_each_member(std::string_view list, Each each) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view member = list.substr(0, comma);
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t'))
      member.remove_prefix(1);
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t'))
      member.remove_suffix(1);
    if (!member.empty() && !each(member)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

}  // namespace marquee::proxy::http
