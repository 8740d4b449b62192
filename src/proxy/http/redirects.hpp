// Redirects that Marquee makes itself: http to https, and between www and bare.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace marquee::proxy {

// 301 for GET and HEAD; 308 for the rest, so that method and body are kept
// (RFC 9110 sections 15.4.2 and 15.4.9).
unsigned redirect_status(std::string_view method);

struct RedirectTarget {
  bool https = true;
  std::string_view host;    // normalised: a name, an IPv4 address or [v6]
  std::uint16_t port = 0;   // left out if it is the scheme's, or 0
  std::string_view target;  // path and query as received; "" and "*" become "/"
};

// Bytes that a Location of `target` can need.
constexpr std::size_t location_size(const RedirectTarget& t) {
  return t.host.size() + t.target.size() + 16;
}

// Path and query are kept byte for byte. Empty if the buffer is too small, or if
// anything in it could not stand in a field or would mean another host: control
// bytes, space, CR, LF, '#', a path that does not begin with '/', a host that is
// not in normal form.
std::string_view write_location(const RedirectTarget& to, std::span<char> buffer);

}  // namespace marquee::proxy
