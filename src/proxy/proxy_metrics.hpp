// The families of the request path. One object for the process; every worker
// writes cells of its own.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/metrics.hpp"
#include "identity/access.hpp"
#include "proxy/http/h2_flood.hpp"
#include "proxy/outcome.hpp"
#include "proxy/overload.hpp"

namespace marquee::proxy {

enum class StatusClass : std::uint8_t { none, s1xx, s2xx, s3xx, s4xx, s5xx };
constexpr std::string_view name(StatusClass c) {
  constexpr std::string_view names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  return names[static_cast<std::size_t>(c)];
}
enum class HandshakeResult : std::uint8_t { full, resumed, failed, timed_out, refused_budget };
constexpr std::string_view name(HandshakeResult r) {
  constexpr std::string_view names[] = {"full", "resumed", "failed", "timed_out", "over_budget"};
  return names[static_cast<std::size_t>(r)];
}
enum class TlsVersion : std::uint8_t { none, v12, v13 };
constexpr std::string_view name(TlsVersion v) {
  constexpr std::string_view names[] = {"none", "TLSv1.2", "TLSv1.3"};
  return names[static_cast<std::size_t>(v)];
}
enum class Protocol : std::uint8_t { http_1_0, http_1_1, h2 };
constexpr std::string_view name(Protocol p) {
  constexpr std::string_view names[] = {"http/1.0", "http/1.1", "h2"};
  return names[static_cast<std::size_t>(p)];
}
enum class Scheme : std::uint8_t { http, https };
constexpr std::string_view name(Scheme s) { return s == Scheme::http ? "http" : "https"; }

// config::Credential, forward authentication, and none.
enum class AccessProof : std::uint8_t { api_key, jwt, embed, consumer, forward, none };
constexpr std::string_view name(AccessProof p) {
  constexpr std::string_view names[] = {"api_key", "jwt", "embed", "consumer", "forward", "none"};
  return names[static_cast<std::size_t>(p)];
}

// How a question to a server of access.forward ended.
enum class ForwardEnd : std::uint8_t {
  passed,
  refused,
  unusable,   // an answer that is neither, or that cannot be believed
  failed,     // not reached, or broken off
  timed_out,  // no whole answer in time
  given_up,   // nobody waited for it any more
  too_many,   // not asked: too many are
  count_,
};
std::string_view name(ForwardEnd e);

struct ProxyMetrics {
  explicit ProxyMetrics(base::Registry& registry);

  base::Counter<RouteClass, StatusClass> requests;
  base::Counter<Protocol> protocols;
  base::Histogram<RouteClass> duration;
  base::Histogram<RouteClass> upstream_duration;
  base::Counter<> bytes_in;
  base::Counter<> bytes_out;
  base::Counter<RefusalCause> refusals;
  base::Counter<http::Refusal> protocol_refusals;
  base::Counter<UpstreamFailure> upstream_failures;
  base::Counter<ClientLoss> client_losses;
  base::Counter<http::H2Flood> h2_floods;
  base::Counter<AccessProof, identity::AccessResult> access_checks;
  base::Counter<ForwardEnd> forward_requests;
  base::Counter<> retries;
  base::Counter<> tunnels;
  base::Counter<HandshakeResult, TlsVersion> handshakes;
  base::Counter<Scheme> accepted;
  base::Counter<ConnectionRefusal> refused_connections;
  base::Counter<> accept_pauses;
  base::Gauge<Scheme> connections;
  base::Gauge<> in_flight;
  base::Counter<> contexts_minted;
  base::Counter<> contexts_failed;
};

}  // namespace marquee::proxy
