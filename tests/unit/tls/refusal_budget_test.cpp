#include "tls/refusal_budget.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace marquee::tls;
using namespace std::chrono_literals;

namespace {
constexpr RefusalBudget::Time kStart{1h};
using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;
}  // namespace

TEST_CASE("clients of one /24 or /64 share a prefix") {
  CHECK(client_prefix(V4{192, 0, 2, 1}) == client_prefix(V4{192, 0, 2, 200}));
  CHECK(client_prefix(V4{192, 0, 2, 1}) != client_prefix(V4{192, 0, 3, 1}));
  CHECK(client_prefix(V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9}) ==
        client_prefix(V4{192, 0, 2, 1}));
  V6 a{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1}, b = a, c = a;
  b[15] = 7;
  c[7] = 2;
  CHECK(client_prefix(a) == client_prefix(b));
  CHECK(client_prefix(a) != client_prefix(c));
}

TEST_CASE("a bucket is spent by failures and refills with time") {
  RefusalBudget budget(3, 10, 99);
  for (int i = 0; i < 3; ++i) {
    CHECK(budget.allows(5, kStart));
    budget.failed(5, kStart);
  }
  CHECK_FALSE(budget.allows(5, kStart));
  CHECK(budget.allows(6, kStart));
  CHECK_FALSE(budget.allows(5, kStart + 90ms));
  CHECK(budget.allows(5, kStart + 110ms));
  budget.failed(5, kStart + 110ms);
  CHECK_FALSE(budget.allows(5, kStart + 110ms));
  CHECK_FALSE(budget.allows(5, kStart));  // an earlier reading of the clock refills nothing
  CHECK(budget.allows(5, kStart + 24h * 40));
  // What fails beyond that is paid for, up to one more burst: with many at a time, no
  // more than the rate passes in the end.
  for (int i = 0; i < 4; ++i) budget.failed(8, kStart);
  CHECK_FALSE(budget.allows(8, kStart + 190ms));
  CHECK(budget.allows(8, kStart + 210ms));
  for (int i = 0; i < 1000; ++i) budget.failed(7, kStart);
  CHECK_FALSE(budget.allows(7, kStart + 390ms));
  CHECK(budget.allows(7, kStart + 410ms));
}

TEST_CASE("a burst of 0 switches it off; a flood of prefixes cannot hide an offender") {
  RefusalBudget off(0, 10, 1);
  off.failed(1, kStart);
  CHECK(off.allows(1, kStart));
  RefusalBudget budget(10, 0.01, 1, 64);
  for (int i = 0; i < 10; ++i) budget.failed(1, kStart);
  for (std::uint64_t prefix = 100; prefix < 100000; ++prefix) budget.failed(prefix, kStart);
  CHECK_FALSE(budget.allows(1, kStart));
}
