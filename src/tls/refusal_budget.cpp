#include "tls/refusal_budget.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace marquee::tls {
namespace {

constexpr std::uint64_t kIpv4 = std::uint64_t{1} << 32;  // 0:0:1::/48 is not a public prefix

std::int64_t ticks(RefusalBudget::Time now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
}

// The finaliser of splitmix64 (public domain): a change of any bit changes half.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t client_prefix(std::span<const std::uint8_t> address) {
  constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (address.size() == 16 && std::equal(mapped, mapped + 12, address.begin()))
    address = address.subspan(12);
  std::uint64_t prefix = 0;
  if (address.size() == 4) {
    for (int i = 0; i < 3; ++i) prefix = prefix << 8 | address[static_cast<std::size_t>(i)];
    return prefix | kIpv4;
  }
  if (address.size() != 16) return 0;
  for (std::size_t i = 0; i < 8; ++i) prefix = prefix << 8 | address[i];
  return prefix;
}

RefusalBudget::RefusalBudget(std::uint32_t burst, double rate, std::uint64_t seed,
                             std::size_t slots)
    : burst_(static_cast<float>(burst)),
      per_ms_(static_cast<float>(std::max(rate, 0.001) / 1000)),
      seed_(seed),
      buckets_(std::bit_ceil(std::max(slots, kWays))) {}

std::size_t RefusalBudget::set_of(std::uint64_t prefix) const {
  return (mix(prefix ^ seed_) & (buckets_.size() / kWays - 1)) * kWays;
}

float RefusalBudget::spent_now(const Bucket& bucket, std::int64_t now) const {
  if (bucket.spent == 0) return 0;
  // A clock that seems to have gone back (another thread's later reading) refills nothing.
  const auto passed = std::max<std::int64_t>(0, now - bucket.at);
  return std::max(0.0F, bucket.spent - static_cast<float>(passed) * per_ms_);
}

bool RefusalBudget::allows(std::uint64_t prefix, Time now) const {
  if (burst_ == 0) return true;
  const std::int64_t tick = ticks(now);
  const Bucket* set = &buckets_[set_of(prefix)];
  for (std::size_t i = 0; i < kWays; ++i)
    if (set[i].spent > 0 && set[i].prefix == prefix) return spent_now(set[i], tick) + 1 <= burst_;
  return true;
}

void RefusalBudget::failed(std::uint64_t prefix, Time now) {
  if (burst_ == 0) return;
  const std::int64_t tick = ticks(now);
  Bucket* const set = &buckets_[set_of(prefix)];
  Bucket* chosen = set;
  for (std::size_t i = 0; i < kWays; ++i) {
    if (set[i].spent > 0 && set[i].prefix == prefix) {
      set[i].spent = std::min(2 * burst_, spent_now(set[i], tick) + 1);
      set[i].at = tick;
      return;
    }
    if (spent_now(set[i], tick) < spent_now(*chosen, tick)) chosen = &set[i];
  }
  *chosen = {prefix, tick, 1};
}

}  // namespace marquee::tls
