// Limits decided at once from what was borrowed ahead of need: one worker's leases.
// Pure: it says what to borrow and is told what was granted.
//
// A lease is a number of units that the common store has charged already, so using
// them admits nothing too many. They are void after kLeaseLife; the store's debt for
// them drains by itself meanwhile, so nothing need be returned. How many are borrowed
// follows the use: twice as many when a lease lasts less than a quarter of its life,
// half when it went void, at most the worker's share of what the limit allows in kAhead or of a
// quarter of the burst.
//
// Without a lease at hand (a key that is new, or was asked for faster than thought) a
// worker gives credit, once between two answers of the store: its share of the room
// that the last answer left. Credit is charged with the next question, also beyond
// the limit, and so is made up for. Hence: over any time, what all nodes admit is at
// most burst + rate * t and one credit of each worker.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/lru_table.hpp"
#include "limits/rule.hpp"
#include "limits/shared_counters.hpp"

namespace marquee::limits {

class LeaseBook {
 public:
  static constexpr Ticks kLeaseLife = kTicksPerSecond / 5;
  static constexpr Ticks kAhead = kTicksPerSecond / 10;
  static constexpr Ticks kLeastPause = kTicksPerSecond / 200;

  // `keys`: how many are kept; the least used leave.
  LeaseBook(std::size_t keys, HashSeed seed) : keys_(keys), seed_(seed), leases_(keys) {}

  // Decides all charges at once. `sharers`: workers of all nodes. Fills in the
  // decisions, as far as they are known here: what is left, and when, is an estimate.
  // Returns which charge refuses; -1: none.
  int decide(Question& question, Ticks now, std::uint32_t sharers);

  // What is to be asked of the store now; each is answered by granted() or lost().
  struct Loan {
    std::uint64_t id = 0;
    std::string_view tag;  // of the tenant; valid until the next call
    std::string_view key;
    Limit limit;
    std::int64_t owed = 0;  // to be charged in any case
    std::int64_t want = 0;  // to be charged as far as it fits
  };
  bool next_loan(Loan& loan);
  // `debt`: of the key, with this grant, in ticks. False: that is no answer to the
  // loan, which is lost.
  bool granted(std::uint64_t id, std::int64_t units, Ticks debt, Ticks now);
  void lost(std::uint64_t id);
  // Leases are void: the store was not there for a while.
  void forget();

  // What a key has, and its end: as in SharedCounters.
  SharedCounters::Held held(std::string_view key);
  void let_go(std::string_view key);

  std::size_t size() const { return leases_.size(); }
  // Units that were given on credit.
  std::uint64_t credited() const { return credited_; }

 private:
  struct Lease {
    std::string tag;
    std::string key;
    Limit limit;
    std::int64_t units = 0;       // borrowed and not used
    std::int64_t credit = 0;      // that may be given still
    std::int64_t owed = 0;        // given on credit, not charged yet
    std::int64_t owed_asked = 0;  // of the loan under way
    std::int64_t want = 0;        // of the loan under way
    std::int64_t size = 1;        // of the next loan
    Ticks debt = 0;               // as of `seen`, by the store's last answer
    Ticks seen = 0;
    Ticks asked = 0;  // when the last loan was
    Ticks void_at = 0;
    Ticks pause_until = 0;  // nothing is to be had before
    bool borrowing = false;
    bool credited = false;  // since the last answer
  };
  struct SameHash {
    std::size_t operator()(std::uint64_t id) const { return id; }
  };

  Lease& lease_of(std::uint64_t id, const Question& question, const Charge& charge);
  static Ticks debt_now(const Lease& lease, Ticks now);
  static std::int64_t largest(const Lease& lease, std::uint32_t cost, std::uint32_t sharers);
  void prepare(Lease& lease, std::uint32_t cost, Ticks now, std::uint32_t sharers);

  std::size_t keys_;
  HashSeed seed_;
  base::LruTable<std::uint64_t, Lease, SameHash> leases_;
  std::vector<std::uint64_t> wanted_;
  std::uint64_t credited_ = 0;
};

}  // namespace marquee::limits
