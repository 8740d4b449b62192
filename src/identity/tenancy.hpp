// The platform's tenant rules (EM-40), decided: who asks, of which agency they are
// members, and whether the site that they name is theirs. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/caller.hpp"
#include "identity/tenant_directory.hpp"

namespace marquee::identity {

enum class TenantVerdict : std::uint8_t {
  admitted,
  unauthorized,    // nobody known asks: 401 AUTH_REQUIRED
  no_agency,       // not an active member of any agency: 403 NO_AGENCY
  site_denied,     // the site is another agency's: 403 SITE_ACCESS_DENIED
  site_not_found,  // 404 SITE_NOT_FOUND
  bad_claim,       // the request names two sites at once: 400
};

struct TenantDecision {
  TenantVerdict verdict = TenantVerdict::unauthorized;
  std::string agency;  // with admitted
  std::string role;
  std::string site;  // empty: none was named
  std::string client;
};

// The site that a request says it is for: the field x-site-id and `site_id` in the
// query, which have to agree where both are there; else the cookie current_site_id,
// which is a browser's memory and not the request's word. Nothing of them is proof.
struct SiteClaim {
  std::string site;            // base::canonical_id; empty: none
  bool contradictory = false;  // two values in the places that count, or too many
};
inline constexpr std::size_t kMostSiteClaims = 8;  // of each place
// Each list holds the values of its place, in order, one more than kMostSiteClaims where
// there are more; empty texts count as absent.
SiteClaim claimed_site(std::span<const std::string_view> fields, std::span<const std::string> query,
                       std::span<const std::string_view> cookies);
// The values of a cookie in the fields of that name (RFC 6265 4.2), likewise bounded.
std::vector<std::string_view> cookie_values(std::span<const std::string_view> fields,
                                            std::string_view name);

// `memberships` of the caller's user; `site` is the row of claim.site, or null if
// there is none. `refused_states`: of agencies.status, whose members are not active.
// A caller that is bound to an agency or site by its credential stays within it, also
// where its user is a member of others.
TenantDecision decide(const Caller* caller, std::span<const Membership> memberships,
                      const SiteClaim& claim, const TenantSite* site,
                      std::span<const std::string> refused_states);

// What a request is for, as far as it is known.
struct BoundTo {
  std::string_view agency{};
  std::string_view site{};
  std::string_view module{};
};
// Whether the credential may be used there, by what it says itself.
bool is_bound_to(const Caller& caller, const BoundTo& to);

// Whether a module is served on a site, by the same lists as domains are
// (routing::state_of): a suspended agency's modules are not served by another host.
struct InstallationRules {
  std::span<const std::string> refused_agencies;
  std::span<const std::string> refused_subscriptions;
  bool serve_unpublished = false;
};
enum class InstallationVerdict : std::uint8_t {
  serving,
  not_installed,  // or switched off
  agency_suspended,
  site_unpublished,
};
InstallationVerdict judge_installation(const Installation* row, const InstallationRules& rules);

// The platform's answer (contract 2.8).
struct TenantRefusal {
  unsigned status = 0;
  std::string_view code;
  std::string_view sentence;
};
TenantRefusal refusal_of(TenantVerdict verdict);

}  // namespace marquee::identity
