// The PROXY protocol, versions 1 and 2: the line or block that a load balancer
// in front of us sends first, so that we know the client behind it.
// Source: "The PROXY protocol, Versions 1 & 2" (HAProxy, doc/proxy-protocol.txt).
//
// Pure and without state: the caller keeps what it has read (at most
// kProxyHeaderMax bytes) and asks again when there is more. A header is refused
// at the first byte that cannot belong to one; nothing is repaired.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ip.hpp"
#include "config/settings.hpp"

namespace marquee::proxy {

inline constexpr std::size_t kProxyV1Max = 107;         // with its CR LF
inline constexpr std::size_t kProxyV2LengthMax = 4096;  // after the 16 fixed bytes
inline constexpr std::size_t kProxyHeaderMax = 16 + kProxyV2LengthMax;

// An end of the original connection.
struct ProxyAddress {
  base::IpAddress ip;
  std::uint16_t port = 0;
  bool operator==(const ProxyAddress&) const = default;
};

enum class ProxyStatus : std::uint8_t {
  need_more,  // what is there may begin a header
  done,       // `consumed` bytes are the header; what follows is the client's
  refused,    // no header, or a wrong one: close without an answer
};

enum class ProxySource : std::uint8_t {
  none,     // mode off: nothing was looked at
  proxied,  // `source` and `destination` are the client's connection
  local,    // v2 LOCAL: the load balancer's own connection (a health check)
  unknown,  // UNKNOWN, UNSPEC or a Unix socket: use the real peer's address
};

struct ProxyParse {
  ProxyStatus status = ProxyStatus::need_more;
  ProxySource kind = ProxySource::none;
  std::size_t consumed = 0;
  ProxyAddress source;
  ProxyAddress destination;
  std::string_view error;  // a sentence in static storage, when refused
};

// `bytes` is all that came from the connection so far, from its first byte.
// v2's TLVs are checked for their form and skipped; a CRC32C TLV must be right.
// LOCAL and UNSPEC blocks are skipped unread, as the specification asks.
ProxyParse parse_proxy_header(std::string_view bytes, config::ProxyProtocol mode);

}  // namespace marquee::proxy
