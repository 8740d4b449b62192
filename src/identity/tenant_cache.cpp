#include "identity/tenant_cache.hpp"

#include <algorithm>

namespace marquee::identity {
namespace {

using What = routing::Change::What;

// More at once void all: entries times changes would take too long.
constexpr std::size_t kMostChanges = 64;

// Whether a change may make an answer another one; `facts` null: not known yet.
// Installations are named by their id, which an answer that found none does not have:
// all of that kind go.
bool concerns(const routing::Change& change, const TenantKey& key, const TenantFacts* facts) {
  using Q = TenantQuestion;
  switch (change.what) {
    case What::everything:
      return true;
    case What::member:
      return key.question == Q::memberships && key.first == change.value;
    case What::agency:
      // Its status stands in both.
      return key.question == Q::memberships ||
             (key.question == Q::installation &&
              (!facts || !facts->installation || facts->installation->agency.empty() ||
               facts->installation->agency == change.value));
    case What::site:
      return ((key.question == Q::site || key.question == Q::origins ||
               key.question == Q::installation) &&
              key.first == change.value);
    case What::module:
      return (key.question == Q::api_routes && key.first == change.value) ||
             (key.question == Q::origins && key.second == change.value);
    case What::installation:
      return key.question == Q::installation;
    default:
      return false;
  }
}

}  // namespace

std::size_t TenantKeyHash::operator()(const TenantKey& key) const noexcept {
  std::size_t h = std::hash<std::string>{}(key.first);
  h = h * 0x9e3779b97f4a7c15ULL + std::hash<std::string>{}(key.second);
  return h * 31 + static_cast<std::size_t>(key.question);
}

TenantCache::TenantCache(TenantDirectory& directory, const Options& options)
    : directory_(directory), options_(options) {
  for (auto& kind : shards_)
    for (auto& shard : kind)
      shard = std::make_unique<Shard>(std::max<std::size_t>(1, options.entries / kShards));
}

TenantCache::Shard& TenantCache::shard(const TenantKey& key) {
  return *shards_[static_cast<std::size_t>(key.question)][(TenantKeyHash{}(key) >> 7) % kShards];
}

TenantCache::Facts TenantCache::find(const TenantKey& key, Time now) {
  Shard& s = shard(key);
  const std::lock_guard hold(s.mutex);
  Entry* const entry = s.known.find(key);
  if (!entry || entry->until <= now) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  return entry->facts;
}

bool TenantCache::load(const TenantKey& key, std::function<Time()> clock, Done done) {
  Shard& s = shard(key);
  {
    const std::lock_guard hold(s.mutex);
    if (const auto at = s.waiting.find(key); at != s.waiting.end()) {
      at->second.done.push_back(std::move(done));
      return true;
    }
    if (open_.fetch_add(1, std::memory_order_relaxed) >= options_.questions) {
      open_.fetch_sub(1, std::memory_order_relaxed);
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    s.waiting[key].done.push_back(std::move(done));
  }
  directory_.ask(key, [this, key, clock = std::move(clock)](TenantAnswer answer) {
    answered(key, std::move(answer), clock());
  });
  return true;
}

void TenantCache::answered(const TenantKey& key, TenantAnswer answer, Time now) {
  Facts facts;
  if (answer.ok)
    facts = std::make_shared<const TenantFacts>(std::move(answer.facts));
  else
    failures_.fetch_add(1, std::memory_order_relaxed);
  std::vector<Done> waiting;
  Shard& s = shard(key);
  {
    const std::lock_guard hold(s.mutex);
    const auto at = s.waiting.find(key);
    if (at == s.waiting.end()) return;
    waiting = std::move(at->second.done);
    if (facts && !at->second.outdated) {
      const auto ttl = is_empty(*facts) ? options_.negative_ttl : options_.ttl;
      s.known.insert(key, {facts, now + ttl}, 1);
    }
    s.waiting.erase(at);
  }
  open_.fetch_sub(1, std::memory_order_relaxed);
  for (const Done& done : waiting) done(facts);
}

void TenantCache::on_changes(std::span<const routing::Change> changes) {
  static const routing::Change everything;
  if (changes.size() > kMostChanges) changes = {&everything, 1};
  for (const auto& kind : shards_) {
    for (const auto& s : kind) {
      const std::lock_guard hold(s->mutex);
      std::vector<TenantKey> gone;
      s->known.for_each([&](const TenantKey& key, const Entry& entry) {
        if (std::any_of(changes.begin(), changes.end(), [&](const routing::Change& c) {
              return concerns(c, key, entry.facts.get());
            }))
          gone.push_back(key);
        return true;
      });
      for (const TenantKey& key : gone) s->known.erase(key);
      // What is being asked may have been read before the change: not kept.
      for (auto& [key, waiting] : s->waiting)
        if (std::any_of(changes.begin(), changes.end(), [&key = key](const routing::Change& c) {
              return concerns(c, key, nullptr);
            }))
          waiting.outdated = true;
    }
  }
}

TenantCache::Counts TenantCache::counts() const {
  Counts out;
  out.hits = hits_.load(std::memory_order_relaxed);
  out.misses = misses_.load(std::memory_order_relaxed);
  out.failures = failures_.load(std::memory_order_relaxed);
  out.refused = refused_.load(std::memory_order_relaxed);
  for (const auto& kind : shards_) {
    for (const auto& s : kind) {
      const std::lock_guard hold(s->mutex);
      out.entries += s->known.size();
      out.waiting += s->waiting.size();
    }
  }
  return out;
}

}  // namespace marquee::identity
