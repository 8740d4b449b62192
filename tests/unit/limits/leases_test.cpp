#include "limits/leases.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

using namespace marquee;
using namespace marquee::limits;

namespace {

constexpr Ticks ms = kTicksPerSecond / 1000;

config::RateLimits one_rule(const char* rate, std::uint32_t burst) {
  config::RateLimits settings;
  config::RateRule rule;
  rule.name.value = "r";
  rule.rate.value = rate;
  rule.burst = burst;
  settings.rules.push_back(rule);
  return settings;
}

// What the script does (redis_script.cpp).
struct Store {
  Ticks state = 0;
  std::pair<std::int64_t, Ticks> lend(const LeaseBook::Loan& loan, Ticks now) {
    Ticks debt = std::clamp<Ticks>(state - now, 0, 2 * loan.limit.depth);
    debt += loan.owed * loan.limit.unit;
    const std::int64_t units =
        std::min(std::max<std::int64_t>((loan.limit.depth - debt) / loan.limit.unit, 0), loan.want);
    debt += units * loan.limit.unit;
    state = now + debt;
    return {units, debt};
  }
};

// Workers of a fleet before one store, half a millisecond away.
struct Fleet {
  Fleet(const config::RateLimits& settings, std::size_t workers) : rules(settings) {
    for (std::size_t i = 0; i < workers; ++i) books.emplace_back(100, HashSeed{i, 1});
  }
  bool request(std::size_t worker, Ticks now) {
    deliver(now);
    rules.collect({}, question);
    const bool allowed =
        books[worker].decide(question, now, static_cast<std::uint32_t>(books.size())) < 0;
    LeaseBook::Loan loan;
    while (books[worker].next_loan(loan)) {
      const auto [units, debt] = store.lend(loan, now);
      replies.push_back({now + ms / 2, worker, loan.id, units, debt});
      ++questions;
    }
    return allowed;
  }
  void deliver(Ticks now) {
    for (; !replies.empty() && replies.front().at <= now; replies.pop_front()) {
      const Reply& r = replies.front();
      books[r.worker].granted(r.id, r.units, r.debt, r.at);
    }
  }
  struct Reply {
    Ticks at;
    std::size_t worker;
    std::uint64_t id;
    std::int64_t units;
    Ticks debt;
  };
  RuleSet rules;
  Store store;
  std::vector<LeaseBook> books;
  std::deque<Reply> replies;
  Question question;
  int questions = 0;
};

struct Run {
  int admitted = 0;
  int asked = 0;
  int questions = 0;
};

// `load` requests a second in all, by chance, for `seconds`.
Run run(const char* rate, std::uint32_t burst, std::size_t workers, double load, int seconds) {
  Fleet fleet(one_rule(rate, burst), workers);
  std::mt19937_64 random(5);
  std::exponential_distribution<double> gap(load);
  Run out;
  double t = 100;
  while (t < 100 + seconds) {
    t += gap(random);
    ++out.asked;
    out.admitted += fleet.request(random() % workers, static_cast<Ticks>(t * kTicksPerSecond));
  }
  out.questions = fleet.questions;
  return out;
}

}  // namespace

TEST_SUITE("limits leases") {
  TEST_CASE("at 10 times, once and a tenth of the limit") {
    constexpr int seconds = 30;
    for (const std::size_t workers : {1u, 2u, 4u, 8u})
      for (const auto& [rate, count, burst] :
           {std::tuple{"100/s", 100, 10u}, {"100/s", 100, 100u}, {"5000/s", 5000, 5000u}}) {
        CAPTURE(workers);
        CAPTURE(rate);
        CAPTURE(burst);
        const Run over = run(rate, burst, workers, 10.0 * count, seconds);
        const double most = count * seconds + burst;
        CHECK(over.admitted <= most * 1.05 + burst);  // burst: one credit of each worker
        CHECK(over.admitted >= count * seconds * 0.95);
        const Run even = run(rate, burst, workers, 1.0 * count, seconds);
        CHECK(even.admitted <= most * 1.05 + burst);
        CHECK(even.admitted >= even.asked * 0.85);
        const Run under = run(rate, burst, workers, 0.1 * count, seconds);
        CHECK(under.admitted >= under.asked * 0.99);
        MESSAGE(workers, " workers, ", rate, " burst ", burst, ": 10x ", over.admitted, ", 1x ",
                even.admitted, " of ", even.asked, ", 0.1x ", under.admitted, " of ", under.asked,
                "; questions ", over.questions, " ", even.questions, " ", under.questions);
      }
  }

  TEST_CASE("in the long run credit is made up for") {
    const Run out = run("100/s", 100, 4, 1000, 300);
    CHECK(out.admitted <= 100 * 300 + 2 * 100);
    CHECK(out.admitted >= 100 * 300 * 0.97);
  }

  TEST_CASE("a hot key is asked for much less than once a request") {
    const Run out = run("100000/s", 100'000, 2, 20'000, 3);
    CHECK(out.admitted == out.asked);
    CHECK(out.questions * 20 < out.asked);
  }

  TEST_CASE("a refusal takes nothing from other rules; leases are forgotten") {
    auto settings = one_rule("1000/s", 1000);
    settings.rules.push_back(settings.rules[0]);
    settings.rules[1].name.value = "narrow";
    settings.rules[1].rate.value = "1/h";
    settings.rules[1].burst = 1;
    const RuleSet rules(settings);
    LeaseBook book(100, {1, 2});
    Question q;
    rules.collect({}, q);
    CHECK(book.decide(q, kTicksPerSecond, 1) == -1);
    const auto left = q.charges[0].decision.remaining;
    for (int i = 0; i < 3; ++i) {
      rules.collect({}, q);
      CHECK(book.decide(q, kTicksPerSecond, 1) == 1);
    }
    CHECK(q.charges[0].decision.remaining == left);
    CHECK(q.charges[1].decision.retry_after > 0);
    book.forget();
    CHECK(book.size() == 0);
    rules.collect({}, q);
    CHECK(book.decide(q, kTicksPerSecond, 1) == -1);
  }

  TEST_CASE("a refusal says how long until there is room, and counts down") {
    const RuleSet rules(one_rule("10/m", 10));
    LeaseBook book(100, {1, 2});
    Store store;
    Question q;
    Ticks now = 100 * kTicksPerSecond;
    const auto request = [&] {
      rules.collect({}, q);
      const bool allowed = book.decide(q, now, 1) < 0;
      LeaseBook::Loan loan;
      while (book.next_loan(loan)) {
        const auto [units, debt] = store.lend(loan, now);
        CHECK(book.granted(loan.id, units, debt, now));
      }
      return allowed;
    };
    for (int i = 0; i < 10; ++i) CHECK(request());
    CHECK_FALSE(request());
    CHECK_FALSE(request());
    const Decision& told = q.charges[0].decision;
    CHECK(seconds_of(told.retry_after) == 6);
    now += 2 * kTicksPerSecond;
    CHECK_FALSE(request());
    CHECK(told.retry_after == 4 * kTicksPerSecond);
    CHECK(seconds_of(told.reset) == 58);
    now += 3 * kTicksPerSecond + kTicksPerSecond / 2;
    CHECK_FALSE(request());
    CHECK(told.retry_after == kTicksPerSecond / 2);
    now += told.retry_after + kTicksPerSecond / 100;
    // The store is asked again, and lends what has come back.
    int allowed = 0;
    for (int i = 0; i < 3; ++i) allowed += request();
    CHECK(allowed == 1);
  }

  TEST_CASE("keys are bounded") {
    auto settings = one_rule("10/s", 10);
    settings.rules[0].key = {{"user", {}}};
    const RuleSet rules(settings);
    LeaseBook book(64, {1, 2});
    Question q;
    for (int i = 0; i < 10'000; ++i) {
      const std::string user = "u" + std::to_string(i);
      Asker asker;
      asker.user = user;
      rules.collect(asker, q);
      CHECK(book.decide(q, kTicksPerSecond, 1) == -1);
      LeaseBook::Loan loan;
      while (book.next_loan(loan)) {
      }
    }
    CHECK(book.size() == 64);
  }
}
