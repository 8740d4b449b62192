#include "proxy/route_table.hpp"

#include "base/hostname.hpp"
#include "routing/directory_domain.hpp"

namespace marquee::proxy {
namespace {

using routing::Answer;
using routing::CacheTime;
using routing::LookupCache;
using routing::LookupKeys;
using routing::MatchKind;

}  // namespace

RouteTable::RouteTable(DirectoryAccess directory, const Options& options, Post post, Tell tell)
    : cache_(directory.cache),
      filter_(directory.filter),
      post_(std::move(post)),
      tell_(std::move(tell)),
      table_(options.entries),
      budget_(options.unknown_burst, options.unknown_rate, options.seed) {}
RouteTable::~RouteTable() = default;

void RouteTable::install(std::shared_ptr<const Snapshot> snapshot) {
  const std::size_t entries = snapshot->settings().directory.cache.worker_domains;
  snapshot_ = std::move(snapshot);
  table_.resize(entries);
}

RouteTable::Found RouteTable::find(std::string_view host, CacheTime now, const Asker& asker,
                                   Ticket* ticket) {
  const Snapshot::Found fixed = snapshot_->find(host);
  if (fixed.plan && fixed.match.kind != MatchKind::site)
    return {Status::known, fixed.plan, fixed.match, nullptr};
  if (Entry* entry = table_.find(host, now, cache_.stamps())) return found(*entry);
  return cold(host, now, asker, ticket);
}

RouteTable::Found RouteTable::found(Entry& entry) const {
  const Row& row = entry.payload;
  if (!row.plan) return {};
  return {Status::known, row.plan.get(), {row.plan->domain.get(), row.match}, &entry};
}

RouteTable::Found RouteTable::cold(std::string_view host, CacheTime now, const Asker& asker,
                                   Ticket* ticket) {
  const base::HostnameResult name = base::parse_hostname(host);
  if (!name.name) return {};  // an IP address
  const LookupKeys keys = routing::keys_of(*name.name, snapshot_->directory_rules().sites_base);
  LookupCache::Looked looked;
  if (told_ && told_host_ == host) {
    looked = {told_->status, told_->answer, told_->check_at, false};
    if (looked.status == LookupCache::Status::absent && asker.client)
      budget_.failed(tls::client_prefix(asker.client->bytes()), now);
  } else {
    looked = cache_.look(keys, now);
  }
  switch (looked.status) {
    case LookupCache::Status::known:
      return keep(keys, looked.answer, looked.check_at);
    case LookupCache::Status::absent:
      return {};
    case LookupCache::Status::unavailable:
      return {Status::unavailable, nullptr, {}, nullptr};
    case LookupCache::Status::miss:
      if (!filter_.may_exist(keys)) return {};
      if (asker.client && !budget_.allows(tls::client_prefix(asker.client->bytes()), now))
        return {Status::over_budget, nullptr, {}, nullptr};
      break;
    case LookupCache::Status::suspect:
      break;
  }
  return wait(keys, asker, ticket, looked.answer, now);
}

RouteTable::Found RouteTable::wait(const LookupKeys& keys, const Asker& asker, Ticket* ticket,
                                   const Answer& old, CacheTime now) {
  // What could not be asked is served as it was last known.
  const auto without = [&]() -> Found {
    if (old) return keep(keys, old, now + LookupCache::kRetry);
    return {Status::unavailable, nullptr, {}, nullptr};
  };
  if ((!asker.request && !asker.handshake) || waiters_ >= kMostWaiters) return without();
  const std::string& host = keys.host.string();
  const auto [at, first] = waiting_.try_emplace(host);
  if (first) {
    auto done = [post = post_, alive = std::weak_ptr(alive_), this,
                 host](const LookupCache::Loaded& loaded) {
      post([alive, this, host, loaded] {
        if (alive.lock()) deliver(host, loaded);
      });
    };
    if (!cache_.load(keys, std::move(done))) {
      waiting_.erase(at);
      return without();
    }
  }
  if (asker.request) {
    *ticket = ++last_ticket_;
    tickets_.emplace(*ticket, asker.request);
    at->second.requests.push_back(*ticket);
    ++waiters_;
  } else if (at->second.handshakes.insert(asker.handshake).second) {
    ++waiters_;
  }
  return {Status::pending, nullptr, {}, nullptr};
}

// On this worker. Who waits may be gone by now.
void RouteTable::deliver(const std::string& host, const LookupCache::Loaded& loaded) {
  const auto at = waiting_.find(host);
  if (at == waiting_.end()) return;
  const Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  waiters_ -= waiting.requests.size() + waiting.handshakes.size();
  told_ = &loaded;
  told_host_ = host;
  for (const Ticket ticket : waiting.requests) {
    const auto waiter = tickets_.find(ticket);
    if (waiter == tickets_.end()) continue;
    Waiter* request = waiter->second;
    tickets_.erase(waiter);
    request->on_route_known();
  }
  for (const std::uint64_t handshake : waiting.handshakes) tell_(handshake);
  told_ = nullptr;
}

RouteTable::Found RouteTable::keep(const LookupKeys& keys, const Answer& answer,
                                   CacheTime check_at) {
  const std::string_view host = keys.host.text();
  // Unchanged, as is usual after a refresh: the plan stays.
  if (Entry* entry = table_.known(host); entry && entry->answer == answer) {
    entry->check_at = check_at;
    return found(*entry);
  }
  const routing::DirectoryRules& rules = snapshot_->directory_rules();
  routing::Resolution resolution = routing::resolve(keys, answer->answer, rules.states);
  Row row;
  row.match = resolution.match;
  if (resolution.kind != routing::Resolution::Kind::none) {
    if (auto domain = routing::make_domain(snapshot_->settings(), rules, resolution)) {
      auto plan = make_plan(std::move(domain), snapshot_->settings(), nullptr);
      const Snapshot::Found base = snapshot_->find(host);
      // One leaf of the internal CA for all sites: *.<sites base>.
      if (base.plan && base.match.kind == MatchKind::site &&
          plan->domain->certificate_source == routing::CertificateSource::internal)
        plan->certificate.spec = base.plan->certificate.spec;
      row.plan = std::move(plan);
    }
  }
  return found(table_.insert(host, answer, std::move(row), check_at));
}

}  // namespace marquee::proxy
