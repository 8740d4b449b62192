// What became of one request: gathered while it runs, read once by the access
// log and the metrics when it ends.
#pragma once
#include <cstdint>
#include <string_view>

#include "net/deadlines.hpp"
#include "proxy/ends.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy {

// Why Marquee itself refused, beside the rules of the protocol (http::Refusal).
enum class RefusalCause : std::uint8_t {
  none,
  protocol,     // Outcome::refusal says which rule
  misdirected,  // authority and SNI belong to different tenants
  unknown_host,
  domain_disabled,
  agency_suspended,
  installation_disabled,
  site_unpublished,
  maintenance,
  directory_unavailable,  // it does not answer, and the domain is not known
  unknown_host_flood,     // this client asked for too many names that nobody has
  rate_limited,           // a rule of rate_limits was met too often
  too_many_in_flight,     // the same, of requests in flight
  limits_unavailable,     // Redis does not count, and on_failure is closed
  gate_unavailable,       // a check that the request needs did not come to an end
  unauthenticated,        // access: no proof of who asks, or none that is good
  access_denied,          // access: a good one, but not for this
  access_unavailable,     // access: it cannot be checked now
  forward_denied,         // access: the server that was asked refuses it
  forward_unavailable,    // access: that server gives no answer that can be used
  slow_head,
  slow_body,
  body_too_large,
  path_refused,     // not on this class of hosts, or of another tenant
  client_refused,   // its address may not visit
  origin_refused,   // CORS: not a verified origin
  tenant_refused,   // no member, or another agency's site
  response_filter,  // one of our own filters failed, or did not go on
  count_,
};
std::string_view name(RefusalCause c);

// Which kind of host answered: the label of request metrics.
enum class RouteClass : std::uint8_t { none, custom, site, app, count_ };
std::string_view name(RouteClass c);

struct Outcome {
  std::uint16_t status = 0;
  RouteClass route = RouteClass::none;
  RefusalCause cause = RefusalCause::none;
  http::Refusal refusal = http::Refusal::none;
  UpstreamFailure failure = UpstreamFailure::none;
  ClientLoss loss = ClientLoss::none;
  std::uint64_t bytes_in = 0;   // request body, decoded
  std::uint64_t bytes_out = 0;  // response body as the client gets it, before coding
  std::uint32_t retries = 0;
  bool tunnel = false;
  UpstreamFacts upstream;
  net::TimePoint begun{};
  net::TimePoint sent{};        // request head handed to the upstream
  net::TimePoint first_byte{};  // answer's head handed to the client
  net::TimePoint upstream_end{};
};

// In words; empty: it was not refused, nothing broke.
std::string_view refusal_of(const Outcome& outcome);
std::string_view failure_of(const Outcome& outcome);

}  // namespace marquee::proxy
