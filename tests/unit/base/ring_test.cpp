#include "base/ring.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>

using namespace marquee::base;

TEST_CASE("ring: in order, bounded, and a refused value is untouched") {
  Ring<std::string> ring(3);
  CHECK(ring.capacity() == 4);
  CHECK_FALSE(ring.pop());
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) CHECK(ring.push(std::to_string(round * 10 + i)));
    std::string refused = "a value that is longer than any small string";
    CHECK_FALSE(ring.push(std::move(refused)));
    CHECK(refused == "a value that is longer than any small string");
    CHECK(ring.size() == 4);
    for (int i = 0; i < 4; ++i) CHECK(ring.pop() == std::to_string(round * 10 + i));
    CHECK_FALSE(ring.pop());
  }
}

TEST_CASE("ring: nothing consumed stays alive, what is left is destroyed") {
  const auto value = std::make_shared<int>(1);
  {
    Ring<std::shared_ptr<int>> ring(2);
    ring.push(std::shared_ptr<int>(value));
    ring.push(std::shared_ptr<int>(value));
    CHECK(value.use_count() == 3);
    ring.pop();
    CHECK(value.use_count() == 2);
  }
  CHECK(value.use_count() == 1);
  Ring<int> one(0);
  CHECK(one.capacity() == 1);
  CHECK(one.push(1));
  CHECK_FALSE(one.push(2));
}

TEST_CASE("ring: two threads, every value once and in order") {
  constexpr int kValues = 100'000;
  Ring<std::unique_ptr<int>> ring(8);
  std::thread producer([&] {
    for (int i = 0; i < kValues; ++i) {
      auto value = std::make_unique<int>(i);
      while (!ring.push(std::move(value))) std::this_thread::yield();
    }
  });
  int wrong = 0;
  for (int i = 0; i < kValues; ++i) {
    std::optional<std::unique_ptr<int>> value = ring.pop();
    for (; !value; value = ring.pop()) std::this_thread::yield();
    wrong += **value == i ? 0 : 1;
  }
  producer.join();
  CHECK(wrong == 0);
  CHECK_FALSE(ring.pop());
}
