// The generic cell rate algorithm in whole numbers (ITU-T I.371, in the form of a
// virtual schedule): the state of a key is one number, its theoretical arrival
// time. Pure; time is an argument.
//
// Time is in ticks of 1/16 microsecond, from any start. The state 0, and any state
// that lies in the past, is a key that was never seen: so an idle key needs no
// memory.
#pragma once
#include <algorithm>
#include <cstdint>

namespace marquee::limits {

using Ticks = std::int64_t;
inline constexpr Ticks kTicksPerSecond = 16'000'000;
inline constexpr Ticks kNever = INT64_MAX;

// From time 0 on at most burst + rate * t units are admitted. What one unit costs
// is rounded up, so that rounding never admits more; at 100,000 a second, the
// most that settings allow, that is under 0.7 % less.
struct Limit {
  Ticks unit = 0;   // ticks that one unit of cost takes to come back
  Ticks depth = 0;  // unit * burst
  std::uint32_t burst = 0;

  static Limit of(std::uint64_t count, std::uint64_t seconds, std::uint32_t burst) {
    const auto span = static_cast<Ticks>(seconds) * kTicksPerSecond;
    const auto n = static_cast<Ticks>(std::max<std::uint64_t>(count, 1));
    const Ticks unit = (span + n - 1) / n;
    const std::uint32_t most = std::max<std::uint32_t>(burst, 1);
    return {unit, unit * most, most};
  }
  // One of `parts` equal shares, rounded down, of at least one request.
  Limit share(std::uint32_t parts) const {
    if (parts <= 1) return *this;
    const std::uint32_t most = std::max<std::uint32_t>(burst / parts, 1);
    return {unit * parts, unit * parts * most, most};
  }
};

struct Decision {
  bool allowed = false;
  Ticks state = 0;              // to keep; unchanged when refused
  std::uint32_t remaining = 0;  // units that could still come at this instant
  Ticks retry_after = 0;        // refused: until it would be allowed; kNever: cost > burst
  Ticks reset = 0;              // until the key is as if never seen
};

// The debt of a key: how far its state lies ahead of `now`, 0..depth. A state
// beyond the depth was written under another limit or before the clock was set
// back: it counts as the depth, so that a step of the clock locks nobody out.
inline Ticks debt(Ticks state, Ticks now, const Limit& limit) {
  return std::clamp<Ticks>(state - now, 0, limit.depth);
}

inline Decision decide(Ticks state, Ticks now, const Limit& limit, std::uint32_t cost) {
  const Ticks owed = debt(state, now, limit);
  const Ticks price = limit.unit * cost;
  const Ticks after = owed + price;
  Decision out;
  out.allowed = after <= limit.depth;
  const Ticks left = out.allowed ? after : owed;
  out.state = out.allowed ? now + after : state;
  out.remaining = static_cast<std::uint32_t>((limit.depth - left) / limit.unit);
  out.reset = left;
  if (!out.allowed) out.retry_after = price > limit.depth ? kNever : after - limit.depth;
  return out;
}

// Whole seconds, rounded up: a client that waits that long is not refused again.
inline std::int64_t seconds_of(Ticks ticks) {
  return ticks == kNever ? -1 : (ticks + kTicksPerSecond - 1) / kTicksPerSecond;
}

}  // namespace marquee::limits
