#include "proxy/module_gate.hpp"

#include "identity/api_call.hpp"
#include "proxy/exchange.hpp"
#include "proxy/policy/api_route.hpp"
#include "proxy/policy/module_path.hpp"

namespace marquee::proxy {
namespace {

using identity::TenantQuestion;
using policy::ApiVerdict;

// The index of the module's pool, or the plan's own.
std::uint32_t pool_of(const config::Settings& settings, std::string_view module,
                      std::uint32_t otherwise) {
  for (const auto& m : settings.tenants.modules) {
    if (m.module != module) continue;
    for (std::size_t i = 0; i < settings.upstreams.size(); ++i)
      if (settings.upstreams[i].name == *m.upstream) return static_cast<std::uint32_t>(i);
  }
  return otherwise;
}

// A credential of one site or module opens no other's. `site` empty: proved otherwise.
bool is_bound_to(const identity::Caller& caller, std::string_view module, std::string_view site) {
  return (caller.bound_module.empty() || caller.bound_module == module) &&
         (caller.bound_site.empty() || site.empty() || caller.bound_site == site);
}

}  // namespace

Gate::Verdict ModuleGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Settings& settings = exchange.settings();
  if (!settings.tenants.module_apis) return Verdict::pass;
  const DomainPlan& plan = *exchange.plan();
  const routing::Domain& domain = *plan.domain;
  const http::RequestHead& request = exchange.request();
  const bool app = plan.route == RouteClass::app;
  const policy::ModuleRoute to =
      policy::module_of(request.path, {app, domain.module.text(), domain.site.text()});
  if (to.unclear)
    return refuse(answer, 400, "Ambiguous path", "BAD_REQUEST", RefusalCause::path_refused);
  if (to.path.empty()) return Verdict::pass;
  const identity::Caller* const caller = exchange.caller();
  // On app hosts the site that a membership was proved for; else what the query says,
  // and what says nothing is for the credential's own.
  const bool member = app && caller && !caller->site.empty();
  const std::string& bound = caller ? caller->bound_site : to.site;
  const std::string& site = member ? caller->site : to.site.empty() ? bound : to.site;
  if (site.empty())
    return refuse(answer, 400, "The request names no site", "SITE_REQUIRED",
                  RefusalCause::path_refused);
  if (caller && !is_bound_to(*caller, to.module, member ? std::string_view() : site))
    return refuse(answer, 403, "Access denied to this site", "SITE_ACCESS_DENIED",
                  RefusalCause::access_denied);
  const auto* installed = facts.find(TenantQuestion::installation, site, to.module);
  if (!installed) return Verdict::pass;  // asked again
  if (!installed->installation || !installed->installation->enabled)
    return refuse(answer, 404, "Module not found", "MODULE_NOT_FOUND", RefusalCause::path_refused);
  const auto* known = facts.find(TenantQuestion::api_routes, to.module);
  if (!known) return Verdict::pass;  // asked again
  // From here on it is a call of this module, whatever becomes of it.
  if (settings.tenants.record_calls != config::RecordCalls::off)
    exchange.set_module_call({to.module, site, installed->installation->id,
                              std::string_view(to.path).substr(0, identity::kMostCallPath)});
  const auto decision =
      policy::judge_api(known->routes, request.method_name, to.path, caller, to.escaped);
  switch (decision.verdict) {
    case ApiVerdict::no_route:
      return refuse(answer, 404, "Not found", "ROUTE_NOT_FOUND", RefusalCause::path_refused);
    case ApiVerdict::method:
      refuse(answer, 405, "Method not allowed", "METHOD_NOT_ALLOWED", RefusalCause::path_refused);
      answer.content.fields.emplace_back("Allow", decision.allow);
      return Verdict::refuse;
    case ApiVerdict::login:
      return refuse(answer, 401, "Unauthorized", "AUTH_REQUIRED", RefusalCause::unauthenticated);
    case ApiVerdict::scope:
      return refuse(answer, 403, "Insufficient scope", "SCOPE_REQUIRED",
                    RefusalCause::access_denied);
    case ApiVerdict::open:
    case ApiVerdict::served:
      break;
  }
  exchange.set_module_site(site);
  if (decision.route) {
    auto route = std::make_shared<identity::ApiRoute>(*decision.route);
    route->requires_auth |= decision.guarded;
    exchange.set_api_route(std::move(route));
  }
  if (app) {
    exchange.set_request_field("x-module-id", to.module);
    exchange.set_request_field("x-site-module-installation-id", installed->installation->id);
  }
  exchange.send_to(pool_of(settings, to.module, plan.pool), request.path);
  return Verdict::pass;
}

}  // namespace marquee::proxy
