// Which endpoint of a pool gets the next request. Pure; the random number and
// what is known about each endpoint are arguments.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "config/settings.hpp"

namespace marquee::proxy {

struct Candidate {
  std::uint32_t load = 0;  // requests under way, as this worker sees them
  bool eligible = true;    // EndpointHealth::eligible()
  bool tried = false;      // this request has been there already
};

struct Choice {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t index = kNone;  // kNone: every endpoint was tried, or there is none
  // No untried endpoint is eligible, so an ejected one was chosen: use
  // EndpointHealth::force(), or give up if this is a retry.
  bool panic = false;
};

// round_robin: the next usable one at or after `cursor`, which then points
// behind it (start each worker's cursor elsewhere, e.g. at its number).
// least_loaded: the lesser of two different ones drawn with `random` (64 good
// bits); a tie goes to the first drawn.
Choice choose(std::span<const Candidate> candidates, config::Balance balance, std::uint64_t random,
              std::size_t& cursor);

}  // namespace marquee::proxy
