#include "limits/gcra.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace marquee::limits;

TEST_SUITE("limits gcra") {
  TEST_CASE("a burst, then one at a time") {
    const Limit limit = Limit::of(10, 1, 3);
    Ticks state = 0;
    Ticks now = 5 * kTicksPerSecond;
    for (std::uint32_t left : {2u, 1u, 0u}) {
      const Decision d = decide(state, now, limit, 1);
      REQUIRE(d.allowed);
      CHECK(d.remaining == left);
      CHECK(d.reset == limit.unit * (3 - left));
      state = d.state;
    }
    const Decision refused = decide(state, now, limit, 1);
    CHECK_FALSE(refused.allowed);
    CHECK(refused.state == state);
    CHECK(refused.remaining == 0);
    CHECK(refused.retry_after == kTicksPerSecond / 10);
    CHECK(seconds_of(refused.retry_after) == 1);
    CHECK_FALSE(decide(state, now + refused.retry_after - 1, limit, 1).allowed);
    CHECK(decide(state, now + refused.retry_after, limit, 1).allowed);
  }

  TEST_CASE("a cost above the burst never fits, and says so") {
    const Decision d = decide(0, 0, Limit::of(10, 1, 3), 4);
    CHECK_FALSE(d.allowed);
    CHECK(d.retry_after == kNever);
    CHECK(seconds_of(d.retry_after) == -1);
    CHECK(d.remaining == 3);
  }

  TEST_CASE("idle keys are as if never seen") {
    const Limit limit = Limit::of(60, 60, 5);
    const Decision used = decide(0, 1000, limit, 5);
    CHECK(used.remaining == 0);
    const Decision later = decide(used.state, 1000 + used.reset, limit, 1);
    const Decision fresh = decide(0, 1000 + used.reset, limit, 1);
    CHECK(later.state == fresh.state);
    CHECK(later.remaining == fresh.remaining);
  }

  TEST_CASE("a clock that steps back locks nobody out for longer than a burst") {
    const Limit limit = Limit::of(1, 1, 10);
    Ticks now = 1'000'000 * kTicksPerSecond;
    Ticks state = decide(0, now, limit, 10).state;
    now -= 86'400 * kTicksPerSecond;
    const Decision d = decide(state, now, limit, 1);
    CHECK_FALSE(d.allowed);
    CHECK(d.retry_after == limit.unit);
    CHECK(d.reset == limit.depth);
    // And forward: one more burst at most.
    now += 2 * 86'400 * kTicksPerSecond;
    std::uint32_t admitted = 0;
    for (Decision e = decide(state, now, limit, 1); e.allowed; e = decide(e.state, now, limit, 1))
      ++admitted;
    CHECK(admitted == 10);
  }

  TEST_CASE("shares add up to no more than the whole") {
    const Limit whole = Limit::of(100, 1, 50);
    for (std::uint32_t parts : {1u, 2u, 3u, 7u}) {
      const Limit part = whole.share(parts);
      CHECK(part.burst * parts <= whole.burst);
      CHECK(part.unit >= whole.unit * parts);
      CHECK(part.depth == part.unit * part.burst);
    }
    CHECK(Limit::of(1, 1, 1).share(4).burst == 1);
  }

  // The plain simulation: every admitted request with its time is kept, and in
  // each window that ends with one no more than burst + rate * t may lie.
  TEST_CASE("never more than burst + rate * t, for any arrivals") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 200; ++round) {
      const std::uint64_t count = 1 + random() % 5000;
      const std::uint64_t seconds = std::vector<std::uint64_t>{1, 60, 3600, 86400}[random() % 4];
      const std::uint32_t burst = static_cast<std::uint32_t>(1 + random() % 40);
      const Limit limit = Limit::of(count, seconds, burst);
      std::vector<std::pair<Ticks, std::uint32_t>> admitted;
      Ticks state = 0;
      Ticks now = static_cast<Ticks>(random() % 1'000'000'000);
      for (int i = 0; i < 300; ++i) {
        now += static_cast<Ticks>(random() % static_cast<std::uint64_t>(limit.unit * 3));
        const auto cost = static_cast<std::uint32_t>(1 + random() % 3);
        const Decision d = decide(state, now, limit, cost);
        state = d.state;
        if (d.allowed) admitted.emplace_back(now, cost);
      }
      for (std::size_t last = 0; last < admitted.size(); ++last) {
        std::uint64_t units = 0;
        for (std::size_t first = last + 1; first-- > 0;) {
          units += admitted[first].second;
          const double t = static_cast<double>(admitted[last].first - admitted[first].first) /
                           static_cast<double>(kTicksPerSecond);
          const double most = burst + static_cast<double>(count) / static_cast<double>(seconds) * t;
          REQUIRE(static_cast<double>(units) <= most + 1e-6);
        }
      }
    }
  }

  TEST_CASE("it admits what the simulation of a leaky bucket admits") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 100; ++round) {
      const Limit limit =
          Limit::of(1 + random() % 100, 1, static_cast<std::uint32_t>(1 + random() % 20));
      Ticks level = 0;  // of the bucket, in ticks
      Ticks seen = 0;
      Ticks state = 0;
      Ticks now = 1;
      for (int i = 0; i < 500; ++i) {
        now += static_cast<Ticks>(random() % static_cast<std::uint64_t>(limit.unit * 2));
        level = std::max<Ticks>(0, level - (now - seen));
        seen = now;
        const bool fits = level + limit.unit <= limit.depth;
        const Decision d = decide(state, now, limit, 1);
        REQUIRE(d.allowed == fits);
        if (fits) level += limit.unit;
        state = d.state;
        REQUIRE(d.reset == level);
      }
    }
  }

  TEST_CASE("requests of equal cost at one instant: the order does not matter") {
    const Limit limit = Limit::of(7, 1, 13);
    std::mt19937_64 random(3);
    for (int round = 0; round < 50; ++round) {
      const Ticks start = static_cast<Ticks>(random() % (20 * kTicksPerSecond));
      const Ticks now = 15 * kTicksPerSecond;
      const auto cost = static_cast<std::uint32_t>(1 + random() % 4);
      // Whoever comes k-th is judged the same, whatever came between.
      std::vector<bool> first;
      Ticks state = start;
      for (int i = 0; i < 10; ++i) {
        const Decision d = decide(state, now, limit, cost);
        first.push_back(d.allowed);
        state = d.state;
      }
      CHECK(std::is_partitioned(first.begin(), first.end(), [](bool b) { return b; }));
      Ticks again = start;
      for (int i = 0; i < 10; ++i) {  // with refused ones of other keys mixed in
        decide(again, now, limit, 100);
        again = decide(again, now, limit, cost).state;
      }
      CHECK(again == state);
    }
  }
}
