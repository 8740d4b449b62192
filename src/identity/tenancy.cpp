#include "identity/tenancy.hpp"

#include <algorithm>

#include "base/uuid.hpp"

namespace marquee::identity {
namespace {

template <typename Values>
void add(SiteClaim& claim, const Values& values) {
  claim.contradictory |= values.size() > kMostSiteClaims;
  for (const auto& value : values) {
    std::string id = base::canonical_id(value);
    if (id.empty()) continue;
    if (claim.site.empty())
      claim.site = std::move(id);
    else
      claim.contradictory |= claim.site != id;
  }
}

// A credential that is for `bound` opens no other.
bool is_other(std::string_view bound, std::string_view id) {
  return !bound.empty() && !base::same_id(bound, id);
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

}  // namespace

bool is_bound_to(const Caller& caller, const BoundTo& to) {
  const auto fits = [](std::string_view bound, std::string_view id) {
    return id.empty() || !is_other(bound, id);
  };
  return fits(caller.bound_agency, to.agency) && fits(caller.bound_site, to.site) &&
         fits(caller.bound_module, to.module);
}

SiteClaim claimed_site(std::span<const std::string_view> fields, std::span<const std::string> query,
                       std::span<const std::string_view> cookies) {
  SiteClaim out;
  add(out, fields);
  add(out, query);
  if (out.site.empty() && !out.contradictory) add(out, cookies);
  return out;
}

std::vector<std::string_view> cookie_values(std::span<const std::string_view> fields,
                                            std::string_view name) {
  std::vector<std::string_view> out;
  for (std::string_view rest : fields) {
    while (!rest.empty() && out.size() <= kMostSiteClaims) {
      const std::size_t end = rest.find(';');
      const std::string_view pair = trimmed(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      out.push_back(value);
    }
  }
  return out;
}

TenantDecision decide(const Caller* caller, std::span<const Membership> memberships,
                      const SiteClaim& claim, const TenantSite* site,
                      std::span<const std::string> refused_states) {
  TenantDecision out;
  if (!caller || caller->user.empty()) return out;
  if (claim.contradictory) {
    out.verdict = TenantVerdict::bad_claim;
    return out;
  }
  std::vector<const Membership*> active;
  for (const Membership& m : memberships) {
    const bool refused = std::find(refused_states.begin(), refused_states.end(), m.agency_status) !=
                         refused_states.end();
    const bool bound =
        is_other(caller->agency, m.agency) || is_other(caller->bound_agency, m.agency);
    if (!refused && !bound && !m.agency.empty()) active.push_back(&m);
  }
  out.verdict = TenantVerdict::no_agency;
  if (active.empty()) return out;
  const Membership* chosen = active.front();
  if (!claim.site.empty()) {
    if (!site) {
      out.verdict = TenantVerdict::site_not_found;
      return out;
    }
    const auto of_site = std::find_if(active.begin(), active.end(), [site](const Membership* m) {
      return m->agency == site->agency;
    });
    const bool bound = is_other(caller->site, site->id) || is_other(caller->bound_site, site->id);
    if (of_site == active.end() || bound || !base::same_id(site->id, claim.site)) {
      out.verdict = TenantVerdict::site_denied;
      return out;
    }
    chosen = *of_site;
    out.site = site->id;
    out.client = site->client;
  } else {
    out.site = caller->site;
  }
  out.verdict = TenantVerdict::admitted;
  out.agency = chosen->agency;
  out.role = chosen->role;
  return out;
}

InstallationVerdict judge_installation(const Installation* row, const InstallationRules& rules) {
  const auto refused = [](std::span<const std::string> states, const std::string& state) {
    return std::find(states.begin(), states.end(), state) != states.end();
  };
  if (!row) return InstallationVerdict::not_installed;
  if (refused(rules.refused_agencies, row->agency_status) ||
      refused(rules.refused_subscriptions, row->subscription_status))
    return InstallationVerdict::agency_suspended;
  if (!row->enabled) return InstallationVerdict::not_installed;
  if (!row->published && !rules.serve_unpublished) return InstallationVerdict::site_unpublished;
  return InstallationVerdict::serving;
}

TenantRefusal refusal_of(TenantVerdict verdict) {
  switch (verdict) {
    case TenantVerdict::admitted:
      break;
    case TenantVerdict::unauthorized:
      return {401, "AUTH_REQUIRED", "Unauthorized"};
    case TenantVerdict::no_agency:
      return {403, "NO_AGENCY", "No agency membership"};
    case TenantVerdict::site_denied:
      return {403, "SITE_ACCESS_DENIED", "Access denied to this site"};
    case TenantVerdict::site_not_found:
      return {404, "SITE_NOT_FOUND", "Site not found"};
    case TenantVerdict::bad_claim:
      return {400, "SITE_AMBIGUOUS", "The request names more than one site"};
  }
  return {};
}

}  // namespace marquee::identity
