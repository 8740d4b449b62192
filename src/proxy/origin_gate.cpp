#include "proxy/origin_gate.hpp"

#include "proxy/exchange.hpp"
#include "proxy/policy/cors.hpp"
#include "proxy/site_claim.hpp"

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

// Rows that tenants can mark as verified prove nothing. Nothing: they are asked for.
std::optional<OriginGate::Rows> OriginGate::rows_of(const Exchange& exchange, Facts& facts,
                                                    std::string_view site,
                                                    std::string_view module) const {
  if (!has_directory() || site.empty() ||
      exchange.settings().directory.trust_status == config::Trust::no)
    return Rows();
  const auto* found = facts.find(identity::TenantQuestion::origins, site, module);
  return found ? std::optional<Rows>(found->origins) : std::nullopt;
}

// Pages of modules on hosts that are not one module's. A path that could be one of
// these for some server is nobody's to frame.
Gate::Verdict OriginGate::frame_of_embed(Exchange& exchange, Facts& facts) const {
  if (!exchange.settings().tenants.frame_ancestors) return Verdict::pass;
  const EmbedClaim page = embed_claim(exchange.request().path);
  if (page.module.empty() && !page.unreadable) return Verdict::pass;
  const auto rows = rows_of(exchange, facts, page.site, page.module);
  if (rows) exchange.set_frame_ancestors(policy::frame_ancestors(*rows));
  return Verdict::pass;
}

Gate::Verdict OriginGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Tenants& settings = exchange.settings().tenants;
  if (!settings.cors && !settings.frame_ancestors) return Verdict::pass;
  const http::RequestHead& request = exchange.request();
  const ModuleClaim claim = module_claim(exchange);
  const policy::ModuleRoute& route = claim.route;
  if (route.module.empty()) return frame_of_embed(exchange, facts);
  // The very site that is served is judged, or none.
  if (claim.contradictory) {
    const auto says = identity::refusal_of(identity::TenantVerdict::bad_claim);
    return refuse(answer, says.status, says.sentence, says.code, RefusalCause::tenant_refused);
  }
  const auto origins = values_of(request, "origin");
  const bool asks = settings.cors && !origins.empty();
  std::span<const identity::AllowedOrigin> rows;
  if (asks || settings.frame_ancestors) {
    const auto known = rows_of(exchange, facts, route.site, route.module);
    if (!known) return Verdict::pass;  // asked again
    rows = *known;
  }
  if (settings.frame_ancestors) exchange.set_frame_ancestors(policy::frame_ancestors(rows));
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
