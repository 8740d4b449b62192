#include "proxy/module_gate.hpp"

#include "base/uuid.hpp"
#include "identity/api_call.hpp"
#include "identity/tenancy.hpp"
#include "proxy/exchange.hpp"
#include "proxy/policy/api_route.hpp"
#include "proxy/site_claim.hpp"

namespace marquee::proxy {
namespace {

using identity::TenantQuestion;
using policy::ApiVerdict;

// The index of the module's pool, or the plan's own.
std::uint32_t pool_of(const config::Settings& settings, std::string_view module,
                      std::uint32_t otherwise) {
  for (const auto& m : settings.tenants.modules) {
    if (!base::same_id(m.module, module)) continue;
    for (std::size_t i = 0; i < settings.upstreams.size(); ++i)
      if (settings.upstreams[i].name == *m.upstream) return static_cast<std::uint32_t>(i);
  }
  return otherwise;
}

// The site: on app hosts that which a membership was proved for; else what the request
// says, and what says nothing is for the credential's own.
std::string site_of(const policy::ModuleRoute& to, const identity::Caller* caller, bool app) {
  if (app && caller && !caller->site.empty()) return caller->site;
  return to.site.empty() && caller ? base::canonical_id(caller->bound_site) : to.site;
}

// A domain that says all of it has its context already.
bool leaves_open(const routing::Domain& domain) {
  return !domain.module.present() || !domain.installation.present() || !domain.site.present() ||
         !domain.agency.present();
}

identity::InstallationRules rules_of(const config::Directory& settings) {
  return {settings.refused_agencies, settings.refused_subscriptions, settings.serve_unpublished};
}

}  // namespace

// Nothing: it is served.
std::optional<Gate::Verdict> ModuleGate::refuse_installation(identity::InstallationVerdict verdict,
                                                             GateAnswer& answer) {
  using identity::InstallationVerdict;
  switch (verdict) {
    case InstallationVerdict::serving:
      return std::nullopt;
    case InstallationVerdict::not_installed:
      return refuse(answer, 404, "Module not found", "MODULE_NOT_FOUND",
                    RefusalCause::path_refused);
    case InstallationVerdict::agency_suspended:
      return refuse(answer, 503, "Service unavailable", "AGENCY_SUSPENDED",
                    RefusalCause::agency_suspended);
    case InstallationVerdict::site_unpublished:
      return refuse(answer, 404, "Site not found", "SITE_NOT_FOUND",
                    RefusalCause::site_unpublished);
  }
  return std::nullopt;
}

Gate::Verdict ModuleGate::denied(GateAnswer& answer) {
  return refuse(answer, 403, "Access denied to this site", "SITE_ACCESS_DENIED",
                RefusalCause::access_denied);
}

Gate::Verdict ModuleGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Settings& settings = exchange.settings();
  if (!settings.tenants.module_apis) return Verdict::pass;
  const DomainPlan& plan = *exchange.plan();
  const http::RequestHead& request = exchange.request();
  const bool app = plan.route == RouteClass::app;
  const ModuleClaim claim = module_claim(exchange);
  const policy::ModuleRoute& to = claim.route;
  if (to.unclear)
    return refuse(answer, 400, "Ambiguous path", "BAD_REQUEST", RefusalCause::path_refused);
  if (to.path.empty()) return Verdict::pass;
  if (claim.contradictory) {
    const auto says = identity::refusal_of(identity::TenantVerdict::bad_claim);
    return refuse(answer, says.status, says.sentence, says.code, RefusalCause::path_refused);
  }
  const identity::Caller* const caller = exchange.caller();
  const std::string site = site_of(to, caller, app);
  if (site.empty())
    return refuse(answer, 400, "The request names no site", "SITE_REQUIRED",
                  RefusalCause::path_refused);
  if (caller && !identity::is_bound_to(*caller, {{}, site, to.module})) return denied(answer);
  const auto* installed = facts.find(TenantQuestion::installation, site, to.module);
  if (!installed) return Verdict::pass;  // asked again
  const auto& row = installed->installation;
  if (caller && row && !identity::is_bound_to(*caller, {row->agency})) return denied(answer);
  // Of a tenant's own host its domain's row says it, and whether that host is served.
  const auto rules = app ? rules_of(settings.directory) : identity::InstallationRules{{}, {}, true};
  if (const auto refused =
          refuse_installation(identity::judge_installation(row ? &*row : nullptr, rules), answer))
    return *refused;
  const auto* known = facts.find(TenantQuestion::api_routes, to.module);
  if (!known) return Verdict::pass;  // asked again
  // From here on it is a call of this module, whatever becomes of it.
  if (settings.tenants.record_calls != config::RecordCalls::off)
    exchange.set_module_call(
        {to.module, site, row->id, std::string_view(to.path).substr(0, identity::kMostCallPath)});
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
  if (leaves_open(*plan.domain))
    exchange.set_module_served({to.module, row->id, site, row->agency});
  exchange.send_to(pool_of(settings, to.module, plan.pool), request.path);
  return Verdict::pass;
}

}  // namespace marquee::proxy
