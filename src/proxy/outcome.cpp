#include "proxy/outcome.hpp"

#include <array>

namespace marquee::proxy {
namespace {

template <typename Enum, std::size_t N>
std::string_view text_of(Enum e, const std::array<std::string_view, N>& names) {
  static_assert(N == static_cast<std::size_t>(Enum::count_));
  return names[static_cast<std::size_t>(e)];
}

}  // namespace

std::string_view name(RefusalCause c) {
  return text_of<RefusalCause, 28>(c, {"none",
                                       "protocol",
                                       "misdirected",
                                       "unknown_host",
                                       "domain_disabled",
                                       "agency_suspended",
                                       "installation_disabled",
                                       "site_unpublished",
                                       "maintenance",
                                       "directory_unavailable",
                                       "unknown_host_flood",
                                       "rate_limited",
                                       "too_many_in_flight",
                                       "limits_unavailable",
                                       "gate_unavailable",
                                       "unauthenticated",
                                       "access_denied",
                                       "access_unavailable",
                                       "forward_denied",
                                       "forward_unavailable",
                                       "slow_head",
                                       "slow_body",
                                       "body_too_large",
                                       "path_refused",
                                       "client_refused",
                                       "origin_refused",
                                       "tenant_refused",
                                       "response_filter"});
}

std::string_view name(RouteClass c) {
  return text_of<RouteClass, 4>(c, {"none", "custom", "site", "app"});
}

std::string_view name(UpstreamFailure f) {
  return text_of<UpstreamFailure, 18>(
      f, {"none", "no_endpoint", "connect_refused", "connect_timeout", "tls", "pool_full", "reset",
          "closed", "bad_answer", "first_byte_timeout", "idle_timeout", "total_timeout",
          "truncated", "goaway", "refused_stream", "stream_reset", "no_tunnel", "local_limit"});
}

std::string_view name(ClientLoss l) {
  return text_of<ClientLoss, 6>(
      l, {"none", "reset", "incomplete_request", "too_slow", "idle", "write_failed"});
}

std::string_view refusal_of(const Outcome& o) {
  if (o.refusal != http::Refusal::none) return http::name(o.refusal);
  return o.cause == RefusalCause::none ? std::string_view{} : name(o.cause);
}

std::string_view failure_of(const Outcome& o) {
  if (o.failure != UpstreamFailure::none) return name(o.failure);
  return o.loss == ClientLoss::none ? std::string_view{} : name(o.loss);
}

}  // namespace marquee::proxy
