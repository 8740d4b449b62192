#include "proxy/upstream/balance.hpp"

namespace marquee::proxy {
namespace {

bool usable(const Candidate& c, bool panic) { return !c.tried && (panic || c.eligible); }

// The n-th usable candidate, from 0; it must exist.
std::size_t nth(std::span<const Candidate> candidates, bool panic, std::size_t n) {
  std::size_t i = 0;
  for (;; ++i) {
    if (usable(candidates[i], panic) && n-- == 0) return i;
  }
}

// An even share of 32 random bits over 0 .. n-1 (multiply-shift, no division).
std::size_t draw(std::uint32_t bits, std::size_t n) {
  return static_cast<std::size_t>(static_cast<std::uint64_t>(bits) * n >> 32);
}

std::size_t round_robin(std::span<const Candidate> candidates, bool panic, std::size_t& cursor) {
  std::size_t i = cursor % candidates.size();
  while (!usable(candidates[i], panic)) i = (i + 1) % candidates.size();
  cursor = (i + 1) % candidates.size();
  return i;
}

std::size_t least_of_two(std::span<const Candidate> candidates, bool panic, std::size_t count,
                         std::uint64_t random) {
  const std::size_t first = draw(static_cast<std::uint32_t>(random >> 32), count);
  const std::size_t a = nth(candidates, panic, first);
  if (count == 1) return a;
  std::size_t second = draw(static_cast<std::uint32_t>(random), count - 1);
  if (second >= first) ++second;
  const std::size_t b = nth(candidates, panic, second);
  return candidates[b].load < candidates[a].load ? b : a;
}

}  // namespace

Choice choose(std::span<const Candidate> candidates, config::Balance balance, std::uint64_t random,
              std::size_t& cursor) {
  std::size_t eligible = 0;
  std::size_t untried = 0;
  for (const Candidate& c : candidates) {
    untried += c.tried ? 0 : 1;
    eligible += usable(c, false) ? 1 : 0;
  }
  if (untried == 0) return {};
  const bool panic = eligible == 0;
  if (balance == config::Balance::round_robin) {
    return {round_robin(candidates, panic, cursor), panic};
  }
  return {least_of_two(candidates, panic, panic ? untried : eligible, random), panic};
}

}  // namespace marquee::proxy
