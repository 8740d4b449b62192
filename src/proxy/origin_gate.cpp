#include "proxy/origin_gate.hpp"

#include "proxy/exchange.hpp"
#include "proxy/policy/cors.hpp"
#include "proxy/policy/module_path.hpp"

namespace marquee::proxy {
namespace {

using policy::OriginVerdict;

std::vector<std::string_view> values_of(const http::RequestHead& request, std::string_view name) {
  std::vector<std::string_view> out;
  for (const http::Field& f : request.fields)
    if (!f.twin && http::iequals(f.name, name)) out.push_back(f.value);
  return out;
}

constexpr std::string_view kAnswerFields[] = {
    "Access-Control-Allow-Origin",   "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",  "Access-Control-Max-Age"};

GateAnswer preflight(std::string_view origin) {
  GateAnswer out;
  out.content.status = 204;
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.content.fields.emplace_back(name, value);
  };
  add("Access-Control-Allow-Origin", origin);
  add("Access-Control-Allow-Credentials", "true");
  add("Access-Control-Allow-Methods", policy::kCorsMethods);
  add("Access-Control-Allow-Headers", policy::kCorsFields);
  add("Access-Control-Max-Age", policy::kCorsMaxAge);
  add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  return out;
}

}  // namespace

Gate::Verdict OriginGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Tenants& settings = exchange.settings().tenants;
  if (!settings.cors && !settings.frame_ancestors) return Verdict::pass;
  const http::RequestHead& request = exchange.request();
  const routing::Domain& domain = *exchange.plan()->domain;
  const policy::ModuleRoute route = policy::module_of(
      request.path,
      {exchange.plan()->route == RouteClass::app, domain.module.text(), domain.site.text()});
  if (route.module.empty()) return Verdict::pass;
  const auto origins = values_of(request, "origin");
  const bool asks = settings.cors && !origins.empty();
  std::vector<identity::AllowedOrigin> none;
  std::span<const identity::AllowedOrigin> rows(none);
  // Rows that tenants can mark as verified prove nothing.
  const bool believed =
      has_directory() && exchange.settings().directory.trust_status != config::Trust::no;
  if ((asks || settings.frame_ancestors) && believed && !route.site.empty()) {
    const auto* found = facts.find(identity::TenantQuestion::origins, route.site, route.module);
    if (!found) return Verdict::pass;
    rows = found->origins;
  }
  if (settings.frame_ancestors && !route.api)
    exchange.set_frame_ancestors(policy::frame_ancestors(rows));
  if (!settings.cors) return Verdict::pass;
  const auto verdict =
      policy::judge_origin(origins, exchange.host(), exchange.facts().secure, rows);
  const bool is_preflight = request.method == http::Method::options && origins.size() == 1 &&
                            !values_of(request, "access-control-request-method").empty();
  if (verdict == OriginVerdict::allowed && is_preflight) {
    answer = preflight(origins.front());
    return Verdict::refuse;
  }
  exchange.vary_on_origin();
  for (const std::string_view name : kAnswerFields) exchange.set_response_field(name, "");
  if (verdict == OriginVerdict::refused && (is_preflight || route.api))
    return refuse(answer, 403, "Origin not allowed", "ORIGIN_DENIED", RefusalCause::origin_refused);
  if (verdict == OriginVerdict::allowed) {
    if (const auto* const row = policy::allowing_row(origins.front(), rows)) {
      exchange.set_module_site(route.site);
      exchange.set_verified_origin({std::string(route.module) + "/" + row->domain, row->per_hour});
    }
    exchange.set_response_field("Access-Control-Allow-Origin", origins.front());
    exchange.set_response_field("Access-Control-Allow-Credentials", "true");
    exchange.set_response_field("Access-Control-Expose-Headers", policy::kCorsExposed);
  }
  return Verdict::pass;
}

}  // namespace marquee::proxy
