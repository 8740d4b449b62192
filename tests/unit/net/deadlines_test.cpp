#include "net/deadlines.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace marquee::net;

namespace {

struct Waiter final : Expiring {
  void on_deadline(Deadline& which) override {
    CHECK_FALSE(which.armed());
    ++fired;
    if (then) then();
  }
  Deadline deadline;
  int fired = 0;
  std::function<void()> then;
};

const TimePoint zero{std::chrono::hours(1)};

}  // namespace

TEST_CASE("a deadline fires once, when its time has come") {
  Deadlines deadlines;
  Waiter w;
  CHECK(deadlines.next() == TimePoint::max());
  deadlines.arm(w.deadline, w, Ms(10), zero);
  CHECK(w.deadline.armed());
  CHECK(deadlines.next() == zero + Ms(10));
  deadlines.expire(zero + Ms(9));
  CHECK(w.fired == 0);
  deadlines.expire(zero + Ms(10));
  CHECK(w.fired == 1);
  deadlines.expire(zero + Ms(100));
  CHECK(w.fired == 1);
  CHECK(deadlines.next() == TimePoint::max());
}

TEST_CASE("arming again moves it, zero and disarm() take it away, so does its end") {
  Deadlines deadlines;
  Waiter w;
  deadlines.arm(w.deadline, w, Ms(10), zero);
  deadlines.arm(w.deadline, w, Ms(50), zero);
  deadlines.expire(zero + Ms(49));
  CHECK(w.fired == 0);
  deadlines.arm(w.deadline, w, Ms(0), zero);
  CHECK_FALSE(w.deadline.armed());
  deadlines.arm(w.deadline, w, Ms(10), zero);
  w.deadline.disarm();
  w.deadline.disarm();
  {
    Waiter gone;
    deadlines.arm(gone.deadline, gone, Ms(5), zero);
  }
  deadlines.expire(zero + Ms(1000));
  CHECK(w.fired == 0);
  CHECK(deadlines.next() == TimePoint::max());
}

TEST_CASE("what fires may arm, disarm and destroy others, of lengths new and old") {
  Deadlines deadlines;
  auto a = std::make_unique<Waiter>(), b = std::make_unique<Waiter>(),
       c = std::make_unique<Waiter>();
  for (Waiter* w : {a.get(), b.get(), c.get()}) deadlines.arm(w->deadline, *w, Ms(10), zero);
  std::vector<std::unique_ptr<Waiter>> more;
  a->then = [&] {
    b.reset();
    c->deadline.disarm();
    for (int length = 11; length < 60; ++length) {  // the table of lengths grows meanwhile
      more.push_back(std::make_unique<Waiter>());
      deadlines.arm(more.back()->deadline, *more.back(), Ms(length), zero + Ms(10));
    }
    deadlines.arm(a->deadline, *a, Ms(10), zero + Ms(10));
  };
  deadlines.expire(zero + Ms(10));
  CHECK(a->fired == 1);
  CHECK(c->fired == 0);
  a->then = nullptr;
  deadlines.expire(zero + Ms(20));
  CHECK(a->fired == 2);
  deadlines.expire(zero + Ms(200));
  for (const auto& w : more) CHECK(w->fired == 1);
}

TEST_CASE("an owner that fires may destroy itself") {
  Deadlines deadlines;
  auto w = std::make_unique<Waiter>();
  deadlines.arm(w->deadline, *w, Ms(10), zero);
  w->then = [&w] {
    auto gone = std::move(w);
    gone->then = nullptr;  // the closure that runs lives in `then`'s copy below
  };
  auto then = w->then;
  w->then = [then] { then(); };
  deadlines.expire(zero + Ms(10));
  CHECK_FALSE(w);
}

TEST_CASE("against a plain model") {
  std::mt19937 random(5);
  Deadlines deadlines;
  std::vector<std::unique_ptr<Waiter>> waiters;
  std::vector<TimePoint> due;  // max: not armed
  for (int i = 0; i < 40; ++i) {
    waiters.push_back(std::make_unique<Waiter>());
    due.push_back(TimePoint::max());
  }
  TimePoint now = zero;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % waiters.size();
    switch (random() % 4) {
      case 0:
      case 1: {
        const Ms length(1 + static_cast<int>(random() % 5) * 7);
        deadlines.arm(waiters[i]->deadline, *waiters[i], length, now);
        due[i] = now + length;
        break;
      }
      case 2:
        waiters[i]->deadline.disarm();
        due[i] = TimePoint::max();
        break;
      default: {
        now += Ms(random() % 9);
        deadlines.expire(now);
        for (std::size_t k = 0; k < due.size(); ++k) {
          const bool came = due[k] <= now;
          CHECK(waiters[k]->fired == (came ? 1 : 0));
          waiters[k]->fired = 0;
          if (came) due[k] = TimePoint::max();
        }
      }
    }
    CHECK(deadlines.next() == *std::min_element(due.begin(), due.end()));
    CHECK(deadlines.soonest() <= deadlines.next());
  }
}

TEST_CASE("the bound is never late, and exact once it was looked at") {
  Deadlines deadlines;
  Waiter early, late;
  CHECK(deadlines.soonest() == TimePoint::max());
  deadlines.arm(late.deadline, late, Ms(50), zero);
  deadlines.arm(early.deadline, early, Ms(10), zero);
  CHECK(deadlines.soonest() == zero + Ms(10));
  early.deadline.disarm();
  CHECK(deadlines.soonest() == zero + Ms(10));
  deadlines.expire(zero + Ms(9));  // nothing can be due: the lists are not looked at
  CHECK(deadlines.soonest() == zero + Ms(10));
  deadlines.expire(zero + Ms(10));
  CHECK(deadlines.soonest() == zero + Ms(50));
  // What is armed while another fires counts.
  late.then = [&] { deadlines.arm(early.deadline, early, Ms(10), zero + Ms(50)); };
  deadlines.expire(zero + Ms(50));
  CHECK(deadlines.soonest() == zero + Ms(60));
  deadlines.expire(zero + Ms(60));
  CHECK(early.fired == 1);
  CHECK(deadlines.soonest() == TimePoint::max());
}

TEST_CASE("a deadline goes on in another's name") {
  Deadlines deadlines;
  Waiter first, second, third;
  deadlines.arm(first.deadline, first, Ms(10), zero);
  deadlines.arm(third.deadline, third, Ms(10), zero + Ms(5));
  deadlines.arm(second.deadline, second, Ms(3), zero);
  second.deadline.take_over(first.deadline, second);
  CHECK_FALSE(first.deadline.armed());
  CHECK(second.deadline.armed());
  deadlines.expire(zero + Ms(9));
  CHECK(second.fired == 0);
  deadlines.expire(zero + Ms(10));
  CHECK(second.fired == 1);
  CHECK(first.fired == 0);
  CHECK(third.fired == 0);
  // There is nothing to take over: it does not run.
  deadlines.arm(second.deadline, second, Ms(10), zero);
  second.deadline.take_over(first.deadline, second);
  CHECK_FALSE(second.deadline.armed());
}
