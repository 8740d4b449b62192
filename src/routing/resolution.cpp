#include "routing/resolution.hpp"

#include <algorithm>

namespace marquee::routing {
namespace {

using Row = std::shared_ptr<const DomainRecord>;

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return !word.empty() && std::find(words.begin(), words.end(), word) != words.end();
}

std::string described(const DomainRecord& r) {
  return std::string(name(r.kind)) + " `" + (r.wildcard ? "*." : "") + r.host.string() + "`";
}

// How a row stands to the name that was asked for; none: it does not cover it.
MatchKind match_of(const LookupKeys& keys, const DomainRecord& row) {
  if (keys.below_base)
    return row.kind == RecordKind::site_subdomain && row.host == keys.host ? MatchKind::site
                                                                           : MatchKind::none;
  if (row.kind == RecordKind::site_subdomain) return MatchKind::none;
  if (row.wildcard) {
    return !keys.wildcard.empty() && row.host.text() == keys.wildcard ? MatchKind::wildcard
                                                                      : MatchKind::none;
  }
  if (row.host == keys.host) return MatchKind::exact;
  return keys.twin && row.host == *keys.twin ? MatchKind::pair : MatchKind::none;
}

struct Candidate {
  Row row;
  MatchKind match = MatchKind::none;
  bool live = false;
};

// Rules 2 to 4, among rows of equal liveness.
bool stands_above(const Candidate& a, const Candidate& b) {
  const auto wild = [](const Candidate& c) { return c.match == MatchKind::wildcard; };
  if (wild(a) != wild(b)) return wild(b);
  if (a.row->kind != b.row->kind) return a.row->kind < b.row->kind;
  if (a.match != b.match) return a.match < b.match;
  return a.row->row < b.row->row;
}

// Follows redirects from one name to where they end.
class Chain {
 public:
  Chain(const LookupKeys& keys, const DirectoryAnswer& answer, const StatePolicy& policy)
      : keys_(keys), answer_(answer), policy_(policy) {}

  // Nothing, and why not: in error().
  std::optional<RedirectTo> follow(const DomainRecord& first) {
    RedirectTo to = *first.redirect;
    bool all_kept_method = true;
    for (const DomainRecord* at = &first;; at = redirect_of(to.host)) {
      if (at != &first) {
        if (!at) return refuse("leads to a name that is not connected here");
        if (at->redirect->type == RedirectType::found_302) to.type = RedirectType::found_302;
        to.preserve_path &= at->redirect->preserve_path;
        to.host = at->redirect->host;
      }
      all_kept_method &= at->redirect->type == RedirectType::permanent_308;
      if (to.host == keys_.host || (keys_.twin && to.host == *keys_.twin) ||
          std::find(seen_.begin(), seen_.end(), to.host) != seen_.end())
        return refuse("leads back to itself");
      if (seen_.size() == kMostHops) return refuse("leads through too many others");
      seen_.push_back(to.host);
      if (is_target(first, to.host)) break;
    }
    if (to.type == RedirectType::permanent_308 && !all_kept_method)
      to.type = RedirectType::moved_301;
    return to;
  }
  const std::string& error() const { return error_; }

 private:
  std::optional<RedirectTo> refuse(std::string_view why) {
    error_ = why;
    return std::nullopt;
  }

  // Anyone may write redirect rows (platform contract 1.10), so that they lead
  // only to names that are live here, or that the same site holds (R16).
  bool is_target(const DomainRecord& first, const base::Hostname& host) const {
    const auto twin = host.www_twin();
    return std::any_of(answer_.rows.begin(), answer_.rows.end(), [&](const Row& row) {
      if (row->kind == RecordKind::redirect || row->wildcard) return false;
      if (row->host != host && !(twin && row->host == *twin)) return false;
      return is_live(*row, policy_) || row->site.same(first.site);
    });
  }

  const DomainRecord* redirect_of(const base::Hostname& host) const {
    for (const Row& row : answer_.rows)
      if (row->redirect && row->host == host && is_live(*row, policy_)) return row.get();
    return nullptr;
  }

  const LookupKeys& keys_;
  const DirectoryAnswer& answer_;
  const StatePolicy& policy_;
  std::vector<base::Hostname> seen_;
  std::string error_;
};

}  // namespace

bool is_live(const DomainRecord& record, const StatePolicy& policy) {
  switch (record.kind) {
    case RecordKind::module_domain:
    case RecordKind::site_domain:
      return record.status == DomainStatus::active && (policy.trust_status || record.proven);
    case RecordKind::site_subdomain:
      return true;  // its label is the platform's gift, there is nothing to prove
    case RecordKind::redirect:
      return record.status == DomainStatus::active && record.redirect.has_value();
  }
  return false;
}

DomainState state_of(const DomainRecord& record, const StatePolicy& policy) {
  if (contains(policy.refused_agencies, record.agency_status) ||
      contains(policy.refused_subscriptions, record.subscription_status))
    return DomainState::agency_suspended;
  if (!record.installation_enabled) return DomainState::installation_disabled;
  if (!record.site_published && !policy.serve_unpublished) return DomainState::site_unpublished;
  if (record.config.maintenance) return DomainState::maintenance;
  return DomainState::serving;
}

Resolution resolve(const LookupKeys& keys, const DirectoryAnswer& answer,
                   const StatePolicy& policy) {
  Resolution out;
  std::vector<Candidate> candidates;
  for (const Row& row : answer.rows) {
    if (candidates.size() == kMostRows) break;
    const MatchKind match = match_of(keys, *row);
    if (match != MatchKind::none) candidates.push_back({row, match, is_live(*row, policy)});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.live != b.live ? a.live : stands_above(a, b);
  });
  for (const Candidate& c : candidates) {
    if (!c.live) break;
    if (out.kind != Resolution::Kind::none) {
      // A wildcard is there to be overruled; two rows for one name are a mistake.
      if (c.match != MatchKind::wildcard)
        out.conflicts.push_back(described(*c.row) + " is not used, as " + described(*out.record) +
                                " stands above it");
      continue;
    }
    if (c.row->kind == RecordKind::redirect) {
      Chain chain(keys, answer, policy);
      out.redirect = chain.follow(*c.row);
      if (!out.redirect) {
        out.conflicts.push_back(described(*c.row) + " is not used, as it " + chain.error());
        continue;
      }
      out.kind = Resolution::Kind::redirect;
    } else {
      out.kind = Resolution::Kind::domain;
      out.state = state_of(*c.row, policy);
    }
    out.match = c.match;
    out.record = c.row;
  }
  if (out.kind != Resolution::Kind::none) return out;
  for (const Candidate& c : candidates) {
    if (c.live) continue;
    out.record = c.row;
    if (c.row->status == DomainStatus::disabled && c.row->kind != RecordKind::redirect &&
        (policy.trust_status || c.row->proven)) {
      out.kind = Resolution::Kind::domain;
      out.state = DomainState::disabled;
      out.match = c.match;
    }
    break;
  }
  return out;
}

unsigned redirect_status(RedirectType type, std::string_view method) {
  const bool simple = method == "GET" || method == "HEAD";
  switch (type) {
    case RedirectType::moved_301:
      return simple ? 301 : 308;
    case RedirectType::found_302:
      return simple ? 302 : 307;
    case RedirectType::permanent_308:
      return 308;
  }
  return 308;
}

}  // namespace marquee::routing
