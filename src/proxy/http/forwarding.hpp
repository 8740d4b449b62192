// What the upstream is told about the client: Forwarded (RFC 7239),
// X-Forwarded-For/-Proto/-Host/-Port, X-Real-IP and Via (RFC 9110 section 7.6.3).
//
// A client may write these fields too. So: from a peer that is no trusted proxy,
// nothing that arrived is looked at, and every value is made anew. From a trusted
// one, lists that are well formed and within bounds are kept and appended to; a
// malformed or oversized value is dropped whole, never repaired.
// On the request path: no allocation; values are views of the caller's buffer,
// of the facts, or of static text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ip.hpp"

namespace marquee::proxy {

inline constexpr std::size_t kMaxForwardedFor = 1024;  // bytes of X-Forwarded-For kept
inline constexpr std::size_t kMaxForwarded = 2048;     // bytes of Forwarded kept
inline constexpr std::size_t kMaxHops = 32;            // addresses read of X-Forwarded-For
// Enough for all values of one request, whatever arrived.
inline constexpr std::size_t kForwardingBuffer = 4608;

// Field lines of one name, in the order received.
using FieldLines = std::span<const std::string_view>;

struct ExistingForwarding {
  FieldLines forwarded;
  FieldLines x_forwarded_for;
  FieldLines x_forwarded_proto;
  FieldLines x_forwarded_host;
  FieldLines x_forwarded_port;
};

struct ForwardingFacts {
  base::IpAddress peer;         // the other end of our connection, or PROXY's source
  bool peer_known = true;       // false: a Unix socket
  bool peer_trusted = false;    // the peer is in trusted_proxies
  std::string_view scheme;      // "http" or "https", as the listener speaks
  std::string_view authority;   // host or host:port as the client asked, normalised;
                                // no '"' or '\\' in it. At most 262 bytes
  std::uint16_t port = 0;       // the port that clients see
  bool want_forwarded = true;   // settings: forwarding.forwarded
  ExistingForwarding existing;  // read only if the peer is trusted
};

// An empty value: do not send the field.
struct ForwardingValues {
  std::string_view forwarded;
  std::string_view x_forwarded_for;
  std::string_view x_forwarded_proto;
  std::string_view x_forwarded_host;
  std::string_view x_forwarded_port;
  std::string_view x_real_ip;
  base::IpAddress client;         // whom rules and logs mean by "client"
  bool client_known = true;       // false: Unix socket and no usable X-Forwarded-For
  bool existing_dropped = false;  // something from a trusted peer was malformed (count it)
};

// `trusted` are the CIDRs of trusted proxies; `buffer` has kForwardingBuffer bytes
// (a smaller one loses fields, never writes beyond) and must outlive the values.
ForwardingValues compute_forwarding(const ForwardingFacts& facts, const base::CidrList& trusted,
                                    std::span<char> buffer);

// The client named by X-Forwarded-For: from the right, the first address that is
// no trusted proxy; the leftmost if all are. Elements: v4, v6, [v6], each but the
// bare v6 also with a port. valid is false if any element is anything else, or
// bounds are exceeded; `client` is then unspecified.
struct ForwardedFor {
  bool valid = false;
  base::IpAddress client;
};
ForwardedFor read_forwarded_for(FieldLines lines, const base::CidrList& trusted);

// RFC 7239 section 4: is this list of lines well formed and at most kMaxForwarded?
bool is_forwarded(FieldLines lines);

// "1.1 name": the value to add as a further Via line; those that arrived stay.
// `version` is the received one ("1.0", "1.1", "2"). Empty if the pseudonym is no
// token or does not fit.
std::string_view via_value(std::string_view version, std::string_view pseudonym,
                           std::span<char> buffer);

}  // namespace marquee::proxy
