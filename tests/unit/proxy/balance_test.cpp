#include "proxy/upstream/balance.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <vector>

using namespace marquee::proxy;
using marquee::config::Balance;

TEST_CASE("balance: round robin visits all in turn, and skips what is out or tried") {
  std::vector<Candidate> c(4);
  std::size_t cursor = 1;
  std::vector<std::size_t> seen;
  for (int i = 0; i < 8; ++i) seen.push_back(choose(c, Balance::round_robin, 0, cursor).index);
  CHECK(seen == std::vector<std::size_t>{1, 2, 3, 0, 1, 2, 3, 0});
  c[1].eligible = false;
  c[3].tried = true;
  cursor = 0;
  seen.clear();
  for (int i = 0; i < 4; ++i) seen.push_back(choose(c, Balance::round_robin, 0, cursor).index);
  CHECK(seen == std::vector<std::size_t>{0, 2, 0, 2});
  // The pool became smaller since the cursor was set.
  cursor = 1000;
  CHECK(choose(std::span(c).first(1), Balance::round_robin, 0, cursor).index == 0);
}

TEST_CASE("balance: nothing left, and panic") {
  std::size_t cursor = 0;
  for (const Balance b : {Balance::round_robin, Balance::least_loaded}) {
    CHECK(choose({}, b, 1, cursor).index == Choice::kNone);
    std::vector<Candidate> c(3);
    for (auto& x : c) x.tried = true;
    CHECK(choose(c, b, 1, cursor).index == Choice::kNone);
    for (auto& x : c) x = {0, false, false};
    c[0].tried = true;
    for (std::uint64_t r = 0; r < 50; ++r) {
      const Choice choice = choose(c, b, r * 0x9E3779B97F4A7C15u, cursor);
      CHECK(choice.panic);
      CHECK((choice.index == 1 || choice.index == 2));
    }
    c[2].eligible = true;
    CHECK(choose(c, b, 7, cursor).index == 2);
    CHECK_FALSE(choose(c, b, 7, cursor).panic);
  }
}

TEST_CASE("balance: the lesser of two, drawn evenly and never the same one twice") {
  std::mt19937_64 random(3);
  std::size_t cursor = 0;
  // With two candidates both are always drawn, so the lesser always wins.
  std::vector<Candidate> two = {{5, true, false}, {4, true, false}};
  for (int i = 0; i < 1000; ++i)
    REQUIRE(choose(two, Balance::least_loaded, random(), cursor).index == 1);
  // Equal loads: each gets its share.
  std::vector<Candidate> five(5);
  std::array<int, 5> hits{};
  for (int i = 0; i < 50'000; ++i)
    ++hits[choose(five, Balance::least_loaded, random(), cursor).index];
  for (const int h : hits) {
    CHECK(h > 9'500);
    CHECK(h < 10'500);
  }
  // The most loaded of all is never chosen; the least loaded in 1 - C(4,2)/C(5,2) = 40 %.
  for (std::size_t i = 0; i < 5; ++i) five[i].load = static_cast<std::uint32_t>(i);
  hits = {};
  for (int i = 0; i < 50'000; ++i)
    ++hits[choose(five, Balance::least_loaded, random(), cursor).index];
  CHECK(hits[4] == 0);
  CHECK(hits[0] > 19'300);
  CHECK(hits[0] < 20'700);
}

TEST_CASE("balance: whatever the numbers, an eligible untried endpoint is preferred") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Candidate> c(random() % 7);
    bool any_untried = false;
    bool any_good = false;
    for (auto& x : c) {
      x = {static_cast<std::uint32_t>(random() % 9), random() % 2 == 0, random() % 2 == 0};
      any_untried |= !x.tried;
      any_good |= !x.tried && x.eligible;
    }
    std::size_t cursor = random() % 20;
    const Choice choice =
        choose(c, round % 2 ? Balance::least_loaded : Balance::round_robin, random(), cursor);
    REQUIRE((choice.index != Choice::kNone) == any_untried);
    if (!any_untried) continue;
    REQUIRE(choice.index < c.size());
    CHECK_FALSE(c[choice.index].tried);
    CHECK(choice.panic == !any_good);
    CHECK(c[choice.index].eligible == any_good);
  }
}
