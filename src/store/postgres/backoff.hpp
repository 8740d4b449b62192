// When to try again after the nth failure in a row: doubling, capped, and spread
// over half of it, so that many nodes do not return in step. Pure.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace marquee::store::postgres {

struct Backoff {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds most{10'000};
};

// Between half of and the whole of min(most, first * 2^(failures-1)). `failures`: in
// a row; 0 (a connection that worked was lost) waits for at most half of `first`.
// `random`: any 64 bits.
inline std::chrono::milliseconds backoff_delay(const Backoff& backoff, std::uint32_t failures,
                                               std::uint64_t random) {
  const std::int64_t first = backoff.first.count();
  const std::int64_t most = std::max(first, static_cast<std::int64_t>(backoff.most.count()));
  const auto spread = [random](std::int64_t width) {
    return static_cast<std::int64_t>(random % (static_cast<std::uint64_t>(width) + 1));
  };
  if (failures == 0) return std::chrono::milliseconds(spread(first / 2));
  const std::uint32_t doublings = std::min(failures - 1, 20u);
  const std::int64_t whole = std::min(most, first << doublings);
  return std::chrono::milliseconds(whole - whole / 2 + spread(whole / 2));
}

}  // namespace marquee::store::postgres
