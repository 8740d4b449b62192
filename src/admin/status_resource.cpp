#include "admin/status_resource.hpp"

#include "admin/metrics_text.hpp"
#include "admin/status_json.hpp"

namespace marquee::admin {
namespace {

constexpr const char* kText = "text/plain; charset=utf-8";

Response readiness(StatusSource& source) {
  // Whoever balances load should send new connections elsewhere while they would
  // be refused here.
  const std::string overload = source.overload();
  if (source.ready() && overload.empty()) {
    const std::string remark = source.remark();
    return {200, kText, remark.empty() ? "ready\n" : "ready: " + remark + "\n", {}};
  }
  return {503, kText, overload.empty() ? "not ready\n" : "not ready: " + overload + "\n", {}};
}

}  // namespace

std::vector<Route> status_routes(StatusSource& source) {
  const auto plain = [](auto make) {
    return [make](const Request&, const Respond& respond) { respond(make()); };
  };
  return {
      {"GET", "/healthz", plain([] {
         return Response{200, kText, "ok\n", {}};
       })},
      {"GET", "/readyz", plain([&source] { return readiness(source); })},
      {"GET", "/metrics", plain([&source] {
         return Response{
             200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(source.metrics()), {}};
       })},
      {"GET", "/v1/status", plain([&source] {
         return Response{200, "application/json", status_json(source.status()), {}};
       })},
      {"GET", "/.well-known/marquee/jwks.json", plain([&source] {
         std::string keys = source.key_set();
         if (keys.empty()) keys = R"({"keys":[]})";
         return Response{200, "application/jwk-set+json", std::move(keys), {}};
       })},
      {"POST", "/v1/reload",
       [&source](const Request&, const Respond& respond) {
         source.reload([respond](const ReloadResult& result) {
           respond({result.ok ? 200u : 422u, "application/json", reload_json(result), {}});
         });
       }},
  };
}

}  // namespace marquee::admin
