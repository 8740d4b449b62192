// What the process knows of tenants (tenant_directory.hpp), for a bounded time and
// in bounded memory. Nothing is served beyond its time: when the database is down,
// who may come in is not known, and the request is refused (503).
//
// Thread-safe; a shard's mutex is held for a table look-up, never over a call of the
// directory or of a waiter. An answer whose question was asked before a change that
// may concern it is used for those who waited, and not kept.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/lru_table.hpp"
#include "identity/tenant_directory.hpp"
#include "routing/directory.hpp"

namespace marquee::identity {

struct TenantKeyHash {
  std::size_t operator()(const TenantKey& key) const noexcept;
};

class TenantCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Facts = std::shared_ptr<const TenantFacts>;
  struct Options {
    std::chrono::milliseconds ttl{60'000};          // of what was found; 60 s at most
    std::chrono::milliseconds negative_ttl{5'000};  // of what was not
    std::size_t entries = 65'536;                   // of each kind of question
    std::size_t questions = 1024;                   // asked and not answered
  };
  // Called once, on the directory's thread or inside load(); null: not known.
  using Done = std::function<void(Facts)>;

  // `directory` outlives it and all its questions.
  TenantCache(TenantDirectory& directory, const Options& options);

  // Null: not known, load() it.
  Facts find(const TenantKey& key, Time now);
  // Joins the question under way, or asks. False, without calling `done`: too many
  // are under way.
  bool load(const TenantKey& key, std::function<Time()> clock, Done done);

  // Voids what rests on these, also what is being asked.
  void on_changes(std::span<const routing::Change> changes);

  struct Counts {
    std::uint64_t hits = 0, misses = 0, failures = 0, refused = 0;
    std::size_t entries = 0, waiting = 0;
  };
  Counts counts() const;

 private:
  static constexpr std::size_t kKinds = 5;
  static constexpr std::size_t kShards = 16;
  struct Entry {
    Facts facts;
    Time until{};
  };
  struct Waiting {
    bool outdated = false;  // something changed since it was asked
    std::vector<Done> done;
  };
  struct Shard {
    explicit Shard(std::size_t entries) : known(entries) {}
    mutable std::mutex mutex;
    base::LruTable<TenantKey, Entry, TenantKeyHash> known;
    std::unordered_map<TenantKey, Waiting, TenantKeyHash> waiting;
  };
  Shard& shard(const TenantKey& key);
  void answered(const TenantKey& key, TenantAnswer answer, Time now);

  TenantDirectory& directory_;
  const Options options_;
  std::array<std::array<std::unique_ptr<Shard>, kShards>, kKinds> shards_;
  std::atomic<std::size_t> open_{0};
  mutable std::atomic<std::uint64_t> hits_{0}, misses_{0}, failures_{0}, refused_{0};
};

}  // namespace marquee::identity
