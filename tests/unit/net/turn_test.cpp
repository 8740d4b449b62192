#include "net/turn.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

using namespace marquee::net;

namespace {

std::string history;

struct Thing final : Resident {
  explicit Thing(char n) : name(n) {}
  ~Thing() override {
    history += "~";
    history += name;
    if (at_end) at_end();
  }
  void run() override {
    history += name;
    if (then) then();
  }
  char name;
  std::function<void()> then, at_end;
};

}  // namespace

TEST_CASE("what was put off runs once, in order, with what it puts off") {
  history.clear();
  Turn turn;
  Thing a('a'), b('b'), c('c');
  turn.run_later(a);
  turn.run_later(b);
  turn.run_later(a);
  a.then = [&] { turn.run_later(c); };
  c.then = [&, n = 0]() mutable {
    if (++n < 3) turn.run_later(c);
  };
  CHECK_FALSE(turn.finish());
  CHECK(history == "abccc");
  history.clear();
  turn.run_later(a);  // may be put off again in the next turn
  turn.finish();
  CHECK(history == "ac");
}

TEST_CASE("the retired do not run, and are destroyed when the turn ends") {
  history.clear();
  Turn turn;
  auto a = std::make_unique<Thing>('a');
  Thing* raw = a.get();
  turn.run_later(*raw);
  turn.retire(std::move(a));
  CHECK(raw->retired());
  turn.run_later(*raw);
  CHECK(history.empty());
  CHECK_FALSE(turn.finish());
  CHECK(history == "~a");
  turn.retire(nullptr);
  turn.finish();
}

TEST_CASE("one may retire itself or others while it runs") {
  history.clear();
  Turn turn;
  auto a = std::make_unique<Thing>('a'), b = std::make_unique<Thing>('b');
  Thing *ra = a.get(), *rb = b.get();
  ra->then = [&] {
    turn.retire(std::move(a));
    turn.retire(std::move(b));
  };
  turn.run_later(*ra);
  turn.run_later(*rb);
  CHECK_FALSE(turn.finish());
  CHECK(history == "a~a~b");
}

TEST_CASE("a destructor may retire more, and put off what lives on") {
  history.clear();
  Turn turn;
  auto a = std::make_unique<Thing>('a'), b = std::make_unique<Thing>('b');
  Thing c('c');
  a->at_end = [&] {
    turn.retire(std::move(b));
    turn.run_later(c);
  };
  turn.retire(std::move(a));
  CHECK(turn.finish());  // says that work is left
  CHECK(history == "~a~b");
  CHECK_FALSE(turn.finish());
  CHECK(history == "~a~bc");
}

TEST_CASE("a turn is bounded: who puts itself off for ever does not hold the others") {
  Turn turn;
  history.clear();
  Thing a('a');
  a.then = [&] { turn.run_later(a); };
  turn.run_later(a);
  CHECK(turn.finish(10));
  CHECK(history == "aaaaaaaaaa");
  a.then = nullptr;
  CHECK_FALSE(turn.finish(10));
}

TEST_CASE("one that waits for the next turn may be destroyed before it") {
  Turn turn;
  history.clear();
  auto a = std::make_unique<Thing>('a');
  Thing* raw = a.get();
  raw->then = [&turn, raw] { turn.run_later(*raw); };
  turn.run_later(*raw);
  CHECK(turn.finish(3));
  turn.retire(std::move(a));
  CHECK_FALSE(turn.finish());
  CHECK(history == "aaa~a");
}

TEST_CASE("blocks are counted while they are lent") {
  BufferPool pool(2 * bytes_of(BlockSize::small));
  {
    Block a = pool.acquire(BlockSize::small), b = pool.acquire(BlockSize::small);
    Block c = pool.acquire(BlockSize::small);
    CHECK(pool.lent_bytes() == 3 * bytes_of(BlockSize::small));
    a = std::move(b);
    CHECK_FALSE(b);
    CHECK(b.size() == 0);
    CHECK(pool.lent_bytes() == 2 * bytes_of(BlockSize::small));
    a.reset();
    a.reset();
  }
  CHECK(pool.lent_bytes() == 0);
  CHECK(pool.free_bytes() <= 2 * bytes_of(BlockSize::small));
}
