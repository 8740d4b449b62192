// The port to what the platform's tables say about tenants beside their domains:
// who is a member of which agency, whose a site is, which origins were verified,
// which API routes a module has (platform contract 1.6, 1.8). src/store implements
// it; TenantCache (tenant_cache.hpp) is its only user on a request's way.
//
// Contract
//  - Threads: from any thread, without blocking. `done` is called exactly once, on
//    a thread of the adapter's choice, perhaps inside the call, and only hands on.
//  - Missing rows are an answer that succeeded, with empty facts. Failure to know
//    is `ok == false` and never looks like absence: callers refuse then.
//  - Bounds: at most kMostFacts rows of a kind; a longer list is cut, never more
//    permissive for it. Texts are cut at 300 bytes. An adapter bounds its open
//    questions and its waiting time.
//  - Staleness: the answer is as of the question or later. Changes are reported
//    through routing::ChangeListener (What::member, module, site, installation,
//    agency) where the directory has a feed.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace marquee::identity {

inline constexpr std::size_t kMostFacts = 256;

enum class TenantQuestion : std::uint8_t {
  memberships,   // first: user id
  site,          // first: site id
  origins,       // first: site id, second: module id
  installation,  // first: site id, second: module id
  api_routes,    // first: module id
};

struct TenantKey {
  TenantQuestion question = TenantQuestion::memberships;
  std::string first;
  std::string second;
  friend bool operator==(const TenantKey&, const TenantKey&) = default;
};

// One row of agency_members, with the state of its agency.
struct Membership {
  std::string agency;
  std::string role;
  std::string agency_status;  // routing::bounded_state
  friend bool operator==(const Membership&, const Membership&) = default;
};

struct TenantSite {
  std::string id;
  std::string agency;
  std::string client;
  friend bool operator==(const TenantSite&, const TenantSite&) = default;
};

// One verified row of module_allowed_domains. Rows that are not verified are no facts.
struct AllowedOrigin {
  std::string domain;  // as stored: "example.com" or "*.example.com"
  bool api = false;
  bool embed = false;
  std::uint32_t per_hour = 0;  // 0: no limit of its own
  friend bool operator==(const AllowedOrigin&, const AllowedOrigin&) = default;
};

// One row of site_module_installations, with the state of its site and agency.
struct Installation {
  std::string id;
  bool enabled = false;
  bool published = true;      // sites.published
  std::string agency;         // of the site
  std::string agency_status;  // routing::bounded_state, as is the next
  std::string subscription_status;
  friend bool operator==(const Installation&, const Installation&) = default;
};

// One row of module_api_routes. Inactive rows are facts, too: a path that is
// switched off is not served by another's leniency.
struct ApiRoute {
  std::string id;
  std::string path;    // "/contacts/:id"
  std::string method;  // upper case
  bool requires_auth = true;
  bool active = true;
  std::vector<std::string> scopes;
  std::uint32_t per_minute = 0;  // 0: no limit of its own
  std::uint32_t cache_seconds = 0;
  friend bool operator==(const ApiRoute&, const ApiRoute&) = default;
};

// What a question found; only the part that was asked for is filled.
struct TenantFacts {
  std::vector<Membership> memberships;
  std::optional<TenantSite> site;
  std::vector<AllowedOrigin> origins;
  std::optional<Installation> installation;
  std::vector<ApiRoute> routes;
};

// Nobody has what was asked for.
inline bool is_empty(const TenantFacts& f) {
  return f.memberships.empty() && !f.site && f.origins.empty() && !f.installation &&
         f.routes.empty();
}

struct TenantAnswer {
  bool ok = false;
  TenantFacts facts;
  base::Failure failure;  // where not ok
};

class TenantDirectory {
 public:
  virtual ~TenantDirectory() = default;
  using Done = std::function<void(TenantAnswer)>;
  virtual void ask(const TenantKey& key, Done done) = 0;
};

}  // namespace marquee::identity
