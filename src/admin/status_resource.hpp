// Health, metrics, status, reload.
#pragma once
#include <vector>

#include "admin/ports.hpp"
#include "admin/resource.hpp"

namespace marquee::admin {

//   GET  /healthz     200 while the process runs
//   GET  /readyz      200 while it serves, 503 before, while it drains, and
//                     while new connections are refused
//   GET  /metrics     Prometheus text format
//   GET  /v1/status   JSON
//   GET  /.well-known/marquee/jwks.json  public keys of the tenant context
//   POST /v1/reload   200 {"ok":true,...} or 422 {"ok":false,"problems":[...]}
// `source` outlives the routes.
std::vector<Route> status_routes(StatusSource& source);

}  // namespace marquee::admin
