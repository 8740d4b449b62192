#include "proxy/tenant_gate.hpp"

#include <algorithm>

#include "base/uuid.hpp"
#include "identity/tenancy.hpp"
#include "proxy/exchange.hpp"
#include "proxy/policy/path_rules.hpp"
#include "proxy/site_claim.hpp"

namespace marquee::proxy {
namespace {

using identity::TenantQuestion;

// A path that servers behind could read in two ways is asked for like a guarded one.
bool is_guarded(const config::Tenants& settings, std::string_view target) {
  std::string buffer;
  const policy::ReadPath path = policy::read_path(target, buffer);
  if (path.ambiguous()) return true;
  const auto under = [&path](const std::string& prefix) {
    return policy::is_under_any_case(path.loose, prefix) ||
           policy::is_under_any_case(path.strict, prefix);
  };
  const auto exactly = [&path](const std::string& prefix) {
    return policy::is_under(path.raw, prefix) && policy::is_under(path.strict, prefix);
  };
  if (!std::any_of(settings.member_paths.begin(), settings.member_paths.end(), under)) return false;
  return !std::any_of(settings.public_paths.begin(), settings.public_paths.end(), exactly);
}

bool is_machine(const identity::Caller& caller) {
  return caller.user.empty() && !(caller.api_key.empty() && caller.consumer.empty());
}

}  // namespace

Gate::Verdict TenantGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Tenants& settings = exchange.settings().tenants;
  if (!settings.membership || exchange.plan()->route != RouteClass::app ||
      !is_guarded(settings, exchange.request().path))
    return Verdict::pass;
  const identity::Caller* const caller = exchange.caller();
  identity::SiteClaim claim = site_claim(exchange.request());
  const auto refused = [&answer](identity::TenantVerdict verdict) {
    const auto says = identity::refusal_of(verdict);
    return refuse(answer, says.status, says.sentence, says.code, RefusalCause::tenant_refused);
  };
  if (caller) {
    const ModuleClaim to = module_claim(exchange);
    if (!claim.contradictory && !identity::is_bound_to(*caller, {{}, claim.site, to.route.module}))
      return refused(identity::TenantVerdict::site_denied);
    // A key of a tenant's machine: of no user, and of its own row's agency and site.
    if (is_machine(*caller))
      return claim.contradictory ? refused(identity::TenantVerdict::bad_claim) : Verdict::pass;
    if (claim.site.empty())
      claim.site = base::canonical_id(caller->site.empty() ? caller->bound_site : caller->site);
  }
  const identity::TenantFacts* members = nullptr;
  const identity::TenantFacts* site = nullptr;
  if (caller && !caller->user.empty()) {
    members = facts.find(TenantQuestion::memberships, base::canonical_id(caller->user));
    if (!members) {
      if (has_directory()) return Verdict::pass;  // asked again
      return refuse(answer, 503, "Service unavailable", "INTERNAL_ERROR",
                    RefusalCause::gate_unavailable);
    }
    if (!claim.site.empty() && !claim.contradictory) {
      site = facts.find(TenantQuestion::site, claim.site);
      if (!site) return Verdict::pass;  // asked again
    }
  }
  const auto decision =
      identity::decide(caller,
                       members ? std::span<const identity::Membership>(members->memberships)
                               : std::span<const identity::Membership>(),
                       claim, site && site->site ? &*site->site : nullptr,
                       exchange.settings().directory.refused_agencies);
  if (decision.verdict != identity::TenantVerdict::admitted) return refused(decision.verdict);
  auto known = std::make_shared<identity::Caller>(*caller);
  known->agency = decision.agency;
  known->role = decision.role;
  known->site = decision.site;
  exchange.set_caller(std::move(known));
  return Verdict::pass;
}

}  // namespace marquee::proxy
