#include "proxy/tenant_gate.hpp"

#include <algorithm>

#include "identity/tenancy.hpp"
#include "proxy/exchange.hpp"
#include "proxy/policy/path_rules.hpp"

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

identity::SiteClaim claim_of(const http::RequestHead& request) {
  std::vector<std::string_view> fields, cookies;
  for (const http::Field& f : request.fields) {
    // An underscore twin is the same to CGI-like upstreams, and counts as a claim.
    if (f.id == http::FieldId::x_site_id) fields.push_back(f.value);
    if (http::iequals(f.name, "cookie")) cookies.push_back(f.value);
  }
  const auto query = policy::query_values(request.path, "site_id", 8);
  return identity::claimed_site(fields, query, identity::cookie_values(cookies, "current_site_id"));
}

}  // namespace

Gate::Verdict TenantGate::judge(Exchange& exchange, Facts& facts, GateAnswer& answer) {
  const config::Tenants& settings = exchange.settings().tenants;
  if (!settings.membership || exchange.plan()->route != RouteClass::app ||
      !is_guarded(settings, exchange.request().path))
    return Verdict::pass;
  const identity::Caller* const caller = exchange.caller();
  // A key of a tenant's machine: bound to its agency and site by its own row.
  if (caller && caller->user.empty() && !(caller->api_key.empty() && caller->consumer.empty()))
    return Verdict::pass;
  const identity::SiteClaim claim = claim_of(exchange.request());
  const identity::TenantFacts* members = nullptr;
  const identity::TenantFacts* site = nullptr;
  if (caller && !caller->user.empty()) {
    members = facts.find(TenantQuestion::memberships, caller->user);
    if (!members) {
      if (has_directory()) return Verdict::pass;  // asked again
      return refuse(answer, 503, "Service unavailable", "INTERNAL_ERROR",
                    RefusalCause::gate_unavailable);
    }
    const std::string named = claim.site.empty() ? caller->site : claim.site;
    if (!named.empty() && !claim.contradictory) {
      site = facts.find(TenantQuestion::site, named);
      if (!site) return Verdict::pass;  // asked again
    }
  }
  identity::SiteClaim judged = claim;
  if (judged.site.empty() && caller) judged.site = caller->site;
  const auto decision =
      identity::decide(caller,
                       members ? std::span<const identity::Membership>(members->memberships)
                               : std::span<const identity::Membership>(),
                       judged, site && site->site ? &*site->site : nullptr,
                       exchange.settings().directory.refused_agencies);
  if (decision.verdict != identity::TenantVerdict::admitted) {
    const auto says = identity::refusal_of(decision.verdict);
    return refuse(answer, says.status, says.sentence, says.code, RefusalCause::tenant_refused);
  }
  auto known = std::make_shared<identity::Caller>(*caller);
  known->agency = decision.agency;
  known->role = decision.role;
  known->site = decision.site;
  exchange.set_caller(std::move(known));
  return Verdict::pass;
}

}  // namespace marquee::proxy
