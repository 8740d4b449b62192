#include "proxy/overload.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "proxy/floor_window.hpp"

using namespace marquee;
using namespace marquee::proxy;

TEST_CASE("the connection cap is exact when many threads enter at once") {
  SharedCounts counts;
  constexpr std::uint32_t cap = 1000;
  std::atomic<std::uint32_t> entered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        if (counts.enter(cap)) entered.fetch_add(1);
    });
  for (auto& thread : threads) thread.join();
  CHECK(entered == cap);
  CHECK_FALSE(counts.enter(cap));
  counts.leave();
  CHECK(counts.enter(cap));
}

TEST_CASE("a client's count ends with its last connection") {
  ClientCounts clients;
  const auto client = base::client_prefix(*base::IpAddress::parse("192.0.2.1"), 32, 64);
  CHECK(clients.enter(client, 2));
  CHECK(clients.enter(client, 2));
  CHECK_FALSE(clients.enter(client, 2));
  clients.leave(client);
  CHECK(clients.enter(client, 2));
}

TEST_CASE("memory is short from the limit on, until an eighth of it is free") {
  MemoryMark mark;
  CHECK_FALSE(mark.update(799, 800));
  CHECK(mark.update(800, 800));
  CHECK(mark.update(799, 800));
  CHECK(mark.update(700, 800));
  CHECK_FALSE(mark.update(699, 800));
  CHECK_FALSE(mark.update(799, 800));
  SUBCASE("or until it stays below the limit for long") {
    CHECK(mark.update(900, 800));
    for (unsigned i = 1; i < MemoryMark::calm_samples; ++i) CHECK(mark.update(790, 800));
    CHECK_FALSE(mark.update(790, 800));
  }
  SUBCASE("calm that is broken begins anew") {
    CHECK(mark.update(900, 800));
    for (unsigned i = 1; i < MemoryMark::calm_samples; ++i) CHECK(mark.update(790, 800));
    CHECK(mark.update(800, 800));
    CHECK(mark.update(790, 800));
  }
  SUBCASE("without a limit it never is") { CHECK_FALSE(mark.update(900, 0)); }
}

TEST_CASE("some descriptors are kept from clients, whatever the limit") {
  CHECK(descriptor_mark(1024) == 1024 - 128);
  CHECK(descriptor_mark(64) == 56);
  CHECK(descriptor_mark(4) == 1);
  CHECK(descriptor_mark(1u << 20) == (1 << 20) - 8192);
  CHECK(descriptor_mark(UINT64_MAX) > 1 << 29);
}

TEST_CASE("the floor of a connection: whoever takes what was there is not slow") {
  ReaderWindow window;
  // Ten bytes a part, each taken one part later: never 1000 in a window.
  for (std::int64_t i = 1; i < 50; ++i) CHECK_FALSE(window.too_slow(10 * i, 10, 1000));
  // From now on nothing is taken, whatever else is written.
  int parts = 0;
  while (!window.too_slow(500 + 10 * parts, 20 + 10 * parts, 1000)) REQUIRE(++parts < 20);
  CHECK(parts >= 3);
  CHECK(parts <= 5);
}

TEST_CASE("the floor: a stall is told after one window, a burst buys no more than that") {
  FloorWindow window;
  window.begin(0);
  constexpr std::uint64_t need = 1000;
  SUBCASE("nothing moves") {
    for (unsigned i = 1; i < FloorWindow::parts; ++i) CHECK_FALSE(window.below(0, need));
    CHECK(window.below(0, need));
  }
  SUBCASE("a burst, then nothing") {
    CHECK_FALSE(window.below(1'000'000, need));
    for (unsigned i = 1; i < FloorWindow::parts; ++i) CHECK_FALSE(window.below(1'000'000, need));
    CHECK(window.below(1'000'000, need));
  }
  SUBCASE("just enough in every window goes on for ever") {
    std::int64_t moved = 0;
    for (unsigned i = 0; i < 100; ++i) CHECK_FALSE(window.below(moved += 250, need));
  }
  SUBCASE("below the floor by a byte") {
    std::int64_t moved = 0;
    for (unsigned i = 1; i < FloorWindow::parts; ++i) CHECK_FALSE(window.below(moved += 249, need));
    CHECK(window.below(moved += 249, need));
  }
}
