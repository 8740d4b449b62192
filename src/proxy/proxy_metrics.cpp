#include "proxy/proxy_metrics.hpp"

namespace marquee::proxy {
namespace {

// Enums here end in count_, so that the last value is the one before it.
template <typename E>
base::LabelAxis closed(std::string label) {
  return base::axis<E>(std::move(label), static_cast<E>(static_cast<std::size_t>(E::count_) - 1));
}

// Microseconds: half a millisecond to a minute.
std::vector<std::uint64_t> latency_bounds() {
  return {500,     1'000,   2'500,   5'000,     10'000,    25'000,     50'000,
          100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000, 60'000'000};
}

}  // namespace

std::string_view name(ForwardEnd e) {
  constexpr std::string_view names[] = {"passed",    "refused",  "unusable", "failed",
                                        "timed_out", "given_up", "too_many"};
  const auto i = static_cast<std::size_t>(e);
  return i < std::size(names) ? names[i] : std::string_view();
}

ProxyMetrics::ProxyMetrics(base::Registry& r)
    : requests(r.counter<RouteClass, StatusClass>(
          {"marquee_requests_total", "Requests ended, by class of host and of status.", 1, true},
          closed<RouteClass>("route"), base::axis("status", StatusClass::s5xx))),
      protocols(r.counter<Protocol>(
          {"marquee_requests_by_protocol_total", "Requests ended, by the client's protocol."},
          base::axis("protocol", Protocol::h2))),
      duration(
          r.histogram<RouteClass>({"marquee_request_duration_seconds",
                                   "From a request's head to its answer's last byte.", 1e-6, true},
                                  latency_bounds(), closed<RouteClass>("route"))),
      upstream_duration(r.histogram<RouteClass>(
          {"marquee_upstream_duration_seconds",
           "From the request sent upstream to the end of its answer.", 1e-6, true},
          latency_bounds(), closed<RouteClass>("route"))),
      bytes_in(r.counter<>({"marquee_request_body_bytes_total", "Request body bytes received."})),
      bytes_out(r.counter<>({"marquee_response_body_bytes_total", "Response body bytes sent."})),
      refusals(r.counter<RefusalCause>(
          {"marquee_refusals_total", "Requests that Marquee itself refused, by cause."},
          closed<RefusalCause>("cause"))),
      protocol_refusals(r.counter<http::Refusal>(
          {"marquee_protocol_refusals_total",
           "Messages that broke the rules of the protocol, by rule; also upstream answers."},
          closed<http::Refusal>("rule"))),
      upstream_failures(r.counter<UpstreamFailure>(
          {"marquee_upstream_failures_total", "Requests that an upstream failed, by kind."},
          closed<UpstreamFailure>("kind"))),
      client_losses(r.counter<ClientLoss>(
          {"marquee_client_losses_total", "Requests whose client left or was too slow."},
          closed<ClientLoss>("how"))),
      h2_floods(r.counter<http::H2Flood>(
          {"marquee_http2_floods_total",
           "HTTP/2 connections ended because the client flooded, by kind."},
          closed<http::H2Flood>("kind"))),
      access_checks(r.counter<AccessProof, identity::AccessResult>(
          {"marquee_access_checks_total", "Requests held against an access rule, by their proof.",
           1, true},
          base::axis("proof", AccessProof::none), closed<identity::AccessResult>("result"))),
      forward_requests(
          r.counter<ForwardEnd>({"marquee_access_forward_requests_total",
                                 "Questions to servers of access.forward, by how they ended."},
                                closed<ForwardEnd>("end"))),
      retries(r.counter<>({"marquee_upstream_retries_total", "Requests sent a second time."})),
      tunnels(r.counter<>({"marquee_tunnels_total", "Upgraded connections ended."})),
      handshakes(r.counter<HandshakeResult, TlsVersion>(
          {"marquee_tls_handshakes_total", "TLS handshakes, by result and version.", 1, true},
          base::axis("result", HandshakeResult::refused_budget),
          base::axis("version", TlsVersion::v13))),
      accepted(r.counter<Scheme>({"marquee_connections_accepted_total", "Connections accepted."},
                                 base::axis("scheme", Scheme::https))),
      refused_connections(r.counter<ConnectionRefusal>(
          {"marquee_connections_refused_total",
           "Connections closed as soon as they were accepted, by reason."},
          closed<ConnectionRefusal>("reason"))),
      accept_pauses(r.counter<>(
          {"marquee_accept_pauses_total", "Times that accepting paused for want of descriptors."})),
      connections(r.gauge<Scheme>({"marquee_connections", "Client connections open now."},
                                  base::axis("scheme", Scheme::https))),
      in_flight(r.gauge<>({"marquee_requests_in_flight", "Requests begun and not ended."})),
      contexts_minted(r.counter<>(
          {"marquee_context_tokens_total", "Tokens of the tenant context that were signed."})),
      contexts_failed(r.counter<>({"marquee_context_failures_total",
                                   "Times that a token was wanted and could not be signed."})) {}

}  // namespace marquee::proxy
