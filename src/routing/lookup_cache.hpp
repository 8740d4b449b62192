// What the process knows of the directory: the second step of the ladder, behind
// the workers' own tables and before the directory itself (design 7).
//
// Known names are fresh for `ttl`, then served while one look-up refreshes them,
// for as long as `max_stale` while the directory is down. Names that nobody has
// are kept for `negative_ttl` in a space of their own, so that strangers cannot
// push out customers. One look-up runs per name. An answer whose load began before
// a change of anything that it depends on is never written and never served
// (change_stamps.hpp): its load begins anew.
//
// Thread-safe; a shard's mutex is held for a table look-up, never over a call of
// the directory or of a waiter. Time comes in as an argument, but for the end of a
// look-up, which asks the clock.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "routing/change_stamps.hpp"
#include "routing/directory.hpp"

namespace marquee::routing {

using CacheTime = std::chrono::steady_clock::time_point;

// Only grows; may be raised and read by any thread.
class ConfirmedEpoch {
 public:
  ConfirmedEpoch() = default;
  ConfirmedEpoch(const ConfirmedEpoch& other) : value_(other.get()) {}
  ConfirmedEpoch& operator=(const ConfirmedEpoch&) = delete;
  Epoch get() const { return value_.load(std::memory_order_acquire); }
  void raise(Epoch to) const {
    if (get() < to) value_.store(to, std::memory_order_release);
  }

 private:
  mutable std::atomic<Epoch> value_{0};
};

// An answer with what it rests on. Immutable but for `confirmed`, shared between threads.
struct CachedAnswer {
  LookupKeys keys;
  DirectoryAnswer answer;  // found or absent
  std::vector<Dependency> dependencies;
  Epoch epoch = 0;             // before its load began; 0: from a snapshot file
  CacheTime loaded{};          // when the directory last said so
  ConfirmedEpoch confirmed{};  // nothing up to this epoch touched it

  ChangeStamps::Validity validity(const ChangeStamps& stamps) const {
    return stamps.validity(dependencies, std::max(epoch, confirmed.get()));
  }
};
using Answer = std::shared_ptr<const CachedAnswer>;

class LookupCache {
 public:
  struct Options {
    std::chrono::milliseconds ttl{60'000};
    std::chrono::milliseconds max_stale{std::chrono::hours(24)};
    std::chrono::milliseconds negative_ttl{10'000};
    std::size_t bytes = 128u << 20;  // of known names
    std::size_t negative_names = 65'536;
    std::size_t lookups = 256;   // under way at the directory
    std::size_t waiting = 4096;  // names that wait for one of these
  };
  using Clock = std::function<CacheTime()>;

  enum class Status : std::uint8_t {
    known,        // `answer`, found
    absent,       // nobody has the name
    unavailable,  // the directory does not answer, and nothing is known: 503
    miss,         // nothing is known: load()
    suspect,      // `answer` is known, but something changed: load(), or serve it if that fails
  };
  struct Looked {
    Status status = Status::miss;
    Answer answer;         // with known and suspect
    CacheTime check_at{};  // until when the asker may remember it; with known
    bool stale = false;    // known, older than `ttl`
  };
  struct Loaded {
    Status status = Status::unavailable;  // known, absent or unavailable
    Answer answer;
    CacheTime check_at{};
  };
  // Called once, on the directory's thread or inside load(); only hands on.
  using Done = std::function<void(const Loaded&)>;

  struct Counts {
    std::uint64_t hits = 0, stale = 0, negative = 0, misses = 0;
    std::uint64_t loads = 0, failures = 0, restarts = 0, refused = 0;
    std::size_t known = 0, bytes = 0, negatives = 0, in_flight = 0;
  };

  // `directory` outlives its open look-ups, which hold what they need of the cache.
  LookupCache(DomainDirectory& directory, const Options& options, Clock clock);
  ~LookupCache();

  // What is known. Starts a refresh where one is due.
  Looked look(const LookupKeys& keys, CacheTime now);
  // Joins the look-up of this name, or starts one. False, without calling `done`:
  // too many wait.
  bool load(const LookupKeys& keys, Done done);

  // Voids what rests on these, on all threads at once, also what is being loaded.
  // Known names that are named are asked for anew without waiting for a request.
  // One call at a time.
  void on_changes(std::span<const Change> changes);

  // For the snapshot file: the most used known answers, about in the order of use, and
  // back again. What is put in counts as suspect.
  std::vector<Answer> hottest(std::size_t most) const;
  void put(const LookupKeys& keys, DirectoryAnswer answer, CacheTime loaded);
  // New bounds and times, from now on.
  void retune(const Options& options);

  const ChangeStamps& stamps() const;
  Counts counts() const;

  // Between two attempts to refresh while the directory does not answer.
  static constexpr std::chrono::milliseconds kRetry{1000};
  // Loads of one name that changes each time, before its waiters are sent away.
  static constexpr int kMostRestarts = 5;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace marquee::routing
