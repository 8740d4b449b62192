// What the access log says of one request. Exactly one record is made for each,
// refused heads included. Plain values: every view must outlive the call that
// formats it, nothing is kept. An empty view or an absent number is left out of
// the line. Bytes that came from outside stand here as received; the formatter
// makes them safe.
#pragma once
#include <cstdint>
#include <string_view>

namespace marquee::proxy {

// Microseconds; `absent` when the step did not happen.
struct AccessTimes {
  static constexpr std::int64_t absent = -1;
  std::int64_t handshake = absent;   // TLS; on the connection's first request only
  std::int64_t first_byte = absent;  // request head's first byte to answer's first byte sent
  std::int64_t total = absent;       // request head's first byte to answer's last byte sent
  std::int64_t connect = absent;     // upstream connect; absent on a reused connection
  std::int64_t upstream = absent;    // request sent to the upstream answer's end
};

struct AccessRecord {
  std::int64_t time_us = 0;  // wall clock, microseconds since 1970, at the request's end

  std::string_view request_id;
  std::string_view trace_id;

  std::string_view client_address;  // after PROXY protocol and trusted proxies
  std::uint16_t client_port = 0;    // 0: unknown

  std::string_view host;  // normalised authority; as received when it was refused
  std::string_view sni;
  std::string_view alpn;
  std::string_view tls_version;  // "TLSv1.3"; empty on plain connections
  bool resumed = false;

  std::string_view method;
  std::string_view target;      // as received
  std::string_view protocol;    // "HTTP/1.1"; empty when the head could not be read
  std::uint16_t status = 0;     // 0: no answer was sent
  std::uint64_t bytes_in = 0;   // request body
  std::uint64_t bytes_out = 0;  // response body sent

  AccessTimes times;
  std::string_view upstream;  // endpoint
  std::uint32_t retries = 0;

  std::string_view domain_id;
  std::string_view installation_id;
  std::string_view site_id;
  std::string_view client_id;
  std::string_view agency_id;
  std::string_view auth;       // what proved who asked; empty: nothing did
  std::string_view user_id;    // who asked, where an access rule found it out
  std::string_view api_key;    // id of the key that was shown
  std::string_view consumer;   // likewise of the consumer
  std::string_view api_route;  // id of the module's API route that served it

  std::string_view refusal;  // why Marquee refused: the text of a closed enum
  std::string_view limit;    // the rate limit's rule that refused
  std::string_view failure;  // what broke (client, upstream, self): the text of a closed enum

  std::string_view user_agent;
  std::string_view referer;
};

}  // namespace marquee::proxy
