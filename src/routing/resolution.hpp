// Which of the directory's rows answers for a name, and in which state. Pure.
//
// The order is total (platform contract R9b, design 5):
//  1. A name below the sites base is the platform's own: only the site of that
//     label answers, whatever tenants wrote into other tables. The base itself
//     answers for nobody.
//  2. A row for the name or its www pair stands above a wildcard row.
//  3. Among these a live module domain stands above a live site domain, which
//     stands above a redirect: a live name beats a redirect, so that no stale row
//     takes a working domain away. A module domain that is not live hides nothing.
//  4. At equal kind the name itself stands above its pair, then the smaller key.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "routing/directory.hpp"
#include "routing/host_table.hpp"

namespace marquee::routing {

// What the settings say about rows.
struct StatePolicy {
  // Whether a row's status is believed; otherwise only `proven` rows are live.
  bool trust_status = false;
  std::vector<std::string> refused_agencies;       // agencies.status, lower case
  std::vector<std::string> refused_subscriptions;  // agencies.subscription_status
  bool serve_unpublished = false;
};

// Whether the row takes its name: verified, and that is believed.
bool is_live(const DomainRecord& record, const StatePolicy& policy);
// Of a live record. The gravest reason counts: suspended before switched off
// before unpublished before maintenance.
DomainState state_of(const DomainRecord& record, const StatePolicy& policy);

struct Resolution {
  enum class Kind : std::uint8_t {
    none,      // nobody's: "not connected"
    domain,    // `record`, in `state`
    redirect,  // to `redirect`, chains collapsed
  };
  Kind kind = Kind::none;
  MatchKind match = MatchKind::none;
  DomainState state = DomainState::serving;
  // Of none: the row that would have answered, were it live; or null.
  std::shared_ptr<const DomainRecord> record;
  std::optional<RedirectTo> redirect;
  // For operators: rows that lost although live (R9b), redirects that lead nowhere.
  std::vector<std::string> conflicts;
};
// `answer.status` is found or absent.
Resolution resolve(const LookupKeys& keys, const DirectoryAnswer& answer,
                   const StatePolicy& policy);

// 301 and 302 lose the method of all but GET and HEAD (RFC 9110 15.4); their kin
// keep it.
unsigned redirect_status(RedirectType type, std::string_view method);

}  // namespace marquee::routing
