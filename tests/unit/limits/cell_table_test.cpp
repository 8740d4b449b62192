#include "limits/cell_table.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "limits/local_store.hpp"

using namespace marquee;
using namespace marquee::limits;

namespace {

constexpr CellTable::Room anything{INT64_MAX, 0};

std::uint64_t id_of(std::uint64_t n) { return CellTable::id_of(n * 0x9e3779b97f4a7c15u); }

bool add(CellTable& table, std::uint64_t key, std::int64_t n, CellTable::Room room = anything) {
  return table.update(id_of(key), room, [n](std::int64_t old, std::int64_t& next) {
    next = old + n;
    return true;
  }) != nullptr;
}

config::RateRule rate_rule(const char* name, const char* rate, std::uint32_t burst,
                           std::vector<config::Marked<std::string>> key = {}) {
  config::RateRule rule;
  rule.name.value = name;
  rule.rate.value = rate;
  rule.burst = burst;
  rule.key = std::move(key);
  return rule;
}

void on_threads(unsigned count, const std::function<void(unsigned)>& work) {
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      while (!go.load()) std::this_thread::yield();
      work(i);
    });
  go = true;
  for (auto& t : threads) t.join();
}

}  // namespace

TEST_SUITE("limits cell table") {
  TEST_CASE("numbers by key") {
    CellTable table(1 << 16);
    CHECK(table.read(id_of(5)) == 0);
    CHECK(add(table, 5, 3));
    CHECK(add(table, 5, 4));
    CHECK(add(table, 6, 1));
    CHECK(table.read(id_of(5)) == 7);
    CHECK(table.read(id_of(6)) == 1);
    CHECK(table.erase(id_of(5)));
    CHECK(table.read(id_of(5)) == 0);
    CHECK_FALSE(table.erase(id_of(77)));
  }

  TEST_CASE("memory is bounded: the least value leaves, and what is not spare stays") {
    CellTable table(1);  // one set of seven
    REQUIRE(table.capacity() == 7);
    for (std::uint64_t id = 1; id <= 7; ++id) CHECK(add(table, id, static_cast<int>(id * 10)));
    CHECK(table.evictions() == 0);
    CHECK(add(table, 100, 500, {INT64_MAX, 5}));
    CHECK(table.evictions() == 1);
    CHECK(table.read(id_of(1)) == 0);
    CHECK(table.read(id_of(7)) == 70);
    CHECK(table.read(id_of(100)) == 500);
    CHECK(add(table, 101, 500, {20, 20}));  // that of key 2 was idle
    CHECK(table.evictions() == 1);
    CHECK_FALSE(add(table, 102, 1, {20, 20}));
    CHECK(table.read(id_of(102)) == 0);
    CHECK(table.read(id_of(3)) == 30);
  }

  TEST_CASE("a million keys in a small table do not grow it, and the heaviest stays") {
    CellTable table(64 << 10);
    add(table, 0, 1'000'000'000);
    for (std::uint64_t i = 1; i < 1'000'000; ++i) add(table, i, static_cast<std::int64_t>(i));
    CHECK(table.capacity() <= (64 << 10) / 16);
    CHECK(table.read(id_of(0)) == 1'000'000'000);
  }

  TEST_CASE("who is deep stays, by its own depth; half of it is all; equals by value") {
    CellTable table(1);
    constexpr std::int64_t now = 1'000'000;
    const auto owes = [&](std::uint64_t key, std::int64_t debt, std::int64_t depth) {
      CHECK(add(table, key, now + debt, {INT64_MAX, now, depth}));
    };
    owes(1, 600, 1000);
    owes(2, 10, 10);
    for (std::uint64_t key = 3; key <= 7; ++key) owes(key, 5'000'000, 500'000'000);
    for (std::uint64_t key = 100; key < 200; ++key) owes(key, 6'000'000, 500'000'000);
    CHECK(table.evictions() == 100);
    CHECK(table.read(id_of(1)) == now + 600);
    CHECK(table.read(id_of(2)) == now + 10);
    for (std::uint64_t key = 200; key < 205; ++key) owes(key, 300'000'000, 500'000'000);
    CHECK(table.read(id_of(2)) == now + 10);
    owes(300, 500'000'000, 500'000'000);
    CHECK(table.read(id_of(2)) == 0);
    CHECK(table.read(id_of(1)) == now + 600);
    // Whose time has come leaves before all.
    CHECK(add(table, 301, 5'000'000, {INT64_MAX, now + 700, 500'000'000}));
    CHECK(table.read(id_of(1)) == 0);
  }

  TEST_CASE("threads lose no addition, whoever makes the cell") {
    CellTable table(1 << 20);
    constexpr unsigned threads = 4;
    constexpr int rounds = 20'000;
    on_threads(threads, [&](unsigned) {
      for (int i = 0; i < rounds; ++i) add(table, static_cast<std::uint64_t>(1 + i / 10), 1);
    });
    std::int64_t sum = 0;
    for (int i = 0; i < rounds / 10; ++i)
      sum += table.read(id_of(static_cast<std::uint64_t>(1 + i)));
    CHECK(sum == std::int64_t{threads} * rounds);
  }

  TEST_CASE("threads in one full set: what is not spare is never lost") {
    CellTable table(1);
    for (std::uint64_t id = 1; id <= 6; ++id) add(table, id, 1'000'000);
    std::atomic<std::int64_t> added{0};
    on_threads(4, [&](unsigned t) {
      for (int i = 0; i < 20'000; ++i) {
        // Six keys that stay, and a crowd that fights for the seventh place.
        if (add(table, 1 + static_cast<std::uint64_t>(i) % 6, 1, {100, 100})) ++added;
        add(table, 1000 + t * 100'000 + static_cast<std::uint64_t>(i), 0, {100, 100});
      }
    });
    std::int64_t sum = 0;
    for (std::uint64_t id = 1; id <= 6; ++id) sum += table.read(id_of(id)) - 1'000'000;
    CHECK(sum == added.load());
    CHECK(added.load() == 80'000);
  }
}

TEST_SUITE("limits local store") {
  TEST_CASE("exact across workers, at one instant, whatever their order") {
    config::RateLimits settings;
    settings.rules.push_back(rate_rule("a", "100/s", 1000));
    settings.rules.push_back(rate_rule("b", "100/s", 700, {{"client_ip", {}}}));
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    std::atomic<int> admitted{0};
    const auto address = *base::IpAddress::parse("203.0.113.7");
    on_threads(4, [&](unsigned) {
      Question question;
      Asker asker;
      asker.address = &address;
      for (int i = 0; i < 1000; ++i) {
        rules.collect(asker, question);
        if (store.decide(question, kTicksPerSecond).allowed()) ++admitted;
      }
    });
    CHECK(admitted.load() == 700);
    // What rule b refused did not cost rule a anything.
    const Decision a = store.look(rules.find("a")->limit, "a", kTicksPerSecond);
    CHECK(a.remaining == 300);
  }

  TEST_CASE("a refusal charges nobody; a shadow refuses nobody") {
    config::RateLimits settings;
    settings.rules.push_back(rate_rule("wide", "10/s", 10));
    settings.rules.push_back(rate_rule("shadow", "1/s", 1));
    settings.rules.push_back(rate_rule("narrow", "2/s", 2));
    settings.rules[1].shadow = true;
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    Question q;
    std::vector<int> refused_by;
    std::vector<bool> shadow;
    for (int i = 0; i < 5; ++i) {
      rules.collect({}, q);
      refused_by.push_back(store.decide(q, kTicksPerSecond).refused_by);
      shadow.push_back(q.charges[1].decision.allowed);
    }
    CHECK(refused_by == std::vector<int>{-1, -1, 2, 2, 2});
    CHECK(shadow[0]);
    CHECK_FALSE(shadow[1]);
    CHECK(q.charges[0].decision.remaining == 8);
    CHECK(q.charges[0].decision.allowed);
    CHECK(q.charges[2].decision.retry_after == kTicksPerSecond / 2);
  }

  // As when another worker takes the last unit between the look and the charge: here
  // the request itself does, as it meets one key twice.
  TEST_CASE("what was charged before a later rule refused is given back") {
    config::RateLimits settings;
    settings.rules.push_back(rate_rule("first", "10/s", 10));
    settings.rules.push_back(rate_rule("last", "10/s", 1));
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    Question q;
    rules.collect({}, q);
    q.charges.push_back(q.charges[1]);
    CHECK(store.decide(q, kTicksPerSecond).refused_by == 2);
    CHECK(store.look(rules.rules()[0].limit, "first", kTicksPerSecond).remaining == 10);
    CHECK(store.look(rules.rules()[1].limit, "last", kTicksPerSecond).remaining == 1);
  }

  TEST_CASE("a crowd with one request each under a slow rule leaves debtors of a fast one") {
    config::RateLimits settings;
    settings.rules.push_back(rate_rule("login", "10/m", 10, {{"user", {}}}));
    settings.rules.push_back(rate_rule("daily", "500/d", 500, {{"user", {}}}));
    const RuleSet rules(settings);
    LocalStore store(1 << 16, {1, 2});
    const auto charge = [&](std::size_t rule, const std::string& user) {
      Question q;
      Asker asker;
      asker.user = user;
      rules.collect(asker, q);
      q.charges = {q.charges[rule]};
      return store.decide(q, kTicksPerSecond).allowed();
    };
    for (int i = 0; i < 40; ++i)
      for (int n = 0; n < 10; ++n) CHECK(charge(0, "debtor" + std::to_string(i)));
    for (int i = 0; i < 45'000; ++i) CHECK(charge(1, "stranger" + std::to_string(i)));
    CHECK(store.evictions() > 40'000);
    for (int i = 0; i < 40; ++i) CHECK_FALSE(charge(0, "debtor" + std::to_string(i)));
  }

  TEST_CASE("of a share at least one request passes") {
    config::RateLimits settings;
    settings.rules.push_back(rate_rule("a", "10/s", 4));
    settings.rules[0].cost = 3;
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    Question q;
    rules.collect({}, q);
    CHECK(store.decide(q, kTicksPerSecond, 8).allowed());
    rules.collect({}, q);
    CHECK_FALSE(store.decide(q, kTicksPerSecond, 8).allowed());
  }

  TEST_CASE("requests in flight, over threads") {
    config::RateLimits settings;
    config::RateRule rule;
    rule.name.value = "c";
    rule.concurrent = 3;
    settings.rules.push_back(rule);
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    const Rule& c = rules.rules()[0];
    std::atomic<int> most{0};
    std::atomic<int> inside{0};
    std::atomic<int> refused{0};
    on_threads(4, [&](unsigned) {
      for (int i = 0; i < 5000; ++i) {
        LocalStore::Seat seat;
        if (!store.enter(c, "c", seat)) {
          ++refused;
          continue;
        }
        const int now = ++inside;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
        store.leave(seat);
      }
    });
    CHECK(most.load() <= 3);
    CHECK(store.in_flight("c") == 0);
    LocalStore::Seat seats[4];
    for (int i = 0; i < 3; ++i) CHECK(store.enter(c, "c", seats[i]));
    CHECK_FALSE(store.enter(c, "c", seats[3]));
    store.leave(seats[0]);
    CHECK(store.enter(c, "c", seats[3]));
  }
}
