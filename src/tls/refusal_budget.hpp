// Token buckets per client prefix for handshakes that failed: who spends his
// bucket is closed on accept for a while. Pure; time is an argument. One per
// worker, not thread-safe; memory is fixed at construction.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace marquee::tls {

// The /24 of an IPv4 address (4 bytes, or 16 as ::ffff:a.b.c.d) or the /64 of an
// IPv6 address (16 bytes), in network order. Other sizes share one prefix.
std::uint64_t client_prefix(std::span<const std::uint8_t> address);

class RefusalBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // `burst` failures at once, `rate` more per second (settings.tls). A burst of 0
  // switches the budget off. `seed`: random, so that nobody can choose prefixes
  // that share a slot. `slots` is rounded up to a power of two.
  RefusalBudget(std::uint32_t burst, double rate, std::uint64_t seed, std::size_t slots = 16384);

  // May this client begin a handshake? Costs nothing.
  bool allows(std::uint64_t prefix, Time now) const;
  // A handshake of this client failed. What was under way when the bucket ran empty
  // becomes a debt, of at most another burst: else each token that comes back would
  // let in all that arrive until the first of them has failed. When the prefix's set is full of
  // worse offenders, the mildest one is forgotten.
  void failed(std::uint64_t prefix, Time now);

 private:
  struct Bucket {
    std::uint64_t prefix = 0;
    std::int64_t at = 0;  // milliseconds of the clock
    float spent = 0;      // tokens missing at `at`; 0: the slot is free
  };
  static constexpr std::size_t kWays = 4;
  std::size_t set_of(std::uint64_t prefix) const;
  float spent_now(const Bucket& bucket, std::int64_t now) const;

  float burst_;
  float per_ms_;
  std::uint64_t seed_;
  std::vector<Bucket> buckets_;
};

}  // namespace marquee::tls
