#include "proxy/upstream/ejection.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

using namespace marquee::proxy;
using Kind = HealthTicket::Kind;
using std::chrono::milliseconds;

namespace {

EjectionRule rule_of(std::uint32_t threshold, std::uint32_t most) {
  EjectionRule r;
  r.threshold = threshold;
  r.duration = milliseconds(1000);
  r.trial = milliseconds(500);
  r.most = most;
  return r;
}

void fail_times(EndpointHealth& h, int times, milliseconds now, const EjectionRule& r,
                EjectedShare& s) {
  for (int i = 0; i < times; ++i) h.failed(h.admit(now, r), now, r, s);
}

}  // namespace

TEST_CASE("ejection rule: the share is rounded down and leaves one endpoint") {
  marquee::config::Ejection e;
  e.max_percent = 50;
  CHECK(ejection_rule(e, 0).most == 0);
  CHECK(ejection_rule(e, 1).most == 0);
  CHECK(ejection_rule(e, 2).most == 1);
  CHECK(ejection_rule(e, 3).most == 1);
  CHECK(ejection_rule(e, 10).most == 5);
  e.max_percent = 100;
  CHECK(ejection_rule(e, 4).most == 3);
  e.max_percent = 4'000'000'000u;
  CHECK(ejection_rule(e, 4).most == 3);
  e.max_percent = 0;
  CHECK(ejection_rule(e, 4).most == 0);
}

TEST_CASE("ejection: only consecutive failures count") {
  EndpointHealth h;
  EjectedShare s;
  const EjectionRule r = rule_of(3, 1);
  const milliseconds now(5);
  fail_times(h, 2, now, r, s);
  CHECK(h.succeeded(h.admit(now, r), s) == HealthChange::none);
  fail_times(h, 2, now, r, s);
  CHECK(h.state() == HealthState::healthy);
  CHECK(h.failed(h.admit(now, r), now, r, s) == HealthChange::ejected);
  CHECK(h.state() == HealthState::ejected);
  CHECK(s.count() == 1);
  CHECK_FALSE(h.eligible(milliseconds(1004)));
  CHECK(h.admit(milliseconds(1004), r).kind == Kind::refused);
  CHECK(h.eligible(milliseconds(1005)));
}

TEST_CASE("ejection: one trial decides, and each failed one doubles the time up to ten times") {
  EndpointHealth h;
  EjectedShare s;
  const EjectionRule r = rule_of(1, 1);
  milliseconds now(0);
  fail_times(h, 1, now, r, s);
  for (const int factor : {1, 2, 4, 8, 10, 10, 10}) {
    CAPTURE(factor);
    now += milliseconds(1000 * factor);
    CHECK(h.admit(now - milliseconds(1), r).kind == Kind::refused);
    const HealthTicket trial = h.admit(now, r);
    REQUIRE(trial.kind == Kind::trial);
    CHECK(h.state() == HealthState::probing);
    CHECK(h.admit(now, r).kind == Kind::refused);
    CHECK(h.failed(trial, now, r, s) == HealthChange::ejected);
    CHECK(s.count() == 1);
  }
  now += milliseconds(10'000);
  const HealthTicket trial = h.admit(now, r);
  CHECK(h.succeeded(trial, s) == HealthChange::restored);
  CHECK(h.state() == HealthState::healthy);
  CHECK(s.count() == 0);
  // Told twice, a trial counts once; and the next ejection is a first one again.
  CHECK(h.succeeded(trial, s) == HealthChange::none);
  CHECK(h.failed(trial, now, r, s) == HealthChange::none);
  CHECK(s.count() == 0);
  fail_times(h, 1, now, r, s);
  CHECK(h.eligible(now + milliseconds(1000)));
}

TEST_CASE("ejection: a trial that is abandoned or silent gives way to another") {
  EndpointHealth h;
  EjectedShare s;
  const EjectionRule r = rule_of(1, 1);
  fail_times(h, 1, milliseconds(0), r, s);
  const HealthTicket first = h.admit(milliseconds(1000), r);
  h.abandoned(first, milliseconds(1000));
  const HealthTicket second = h.admit(milliseconds(1000), r);
  REQUIRE(second.kind == Kind::trial);
  CHECK(h.admit(milliseconds(1499), r).kind == Kind::refused);
  const HealthTicket third = h.admit(milliseconds(1500), r);
  REQUIRE(third.kind == Kind::trial);
  // The one given up has no say any more, the last one has.
  CHECK(h.succeeded(second, s) == HealthChange::none);
  CHECK(h.failed(second, milliseconds(1500), r, s) == HealthChange::none);
  CHECK(h.state() == HealthState::probing);
  CHECK(h.succeeded(third, s) == HealthChange::restored);
  CHECK(s.count() == 0);
}

TEST_CASE("ejection: results of requests older than the ejection change nothing") {
  EndpointHealth h;
  EjectedShare s;
  const EjectionRule r = rule_of(1, 1);
  const HealthTicket old1 = h.admit(milliseconds(0), r);
  const HealthTicket old2 = h.admit(milliseconds(0), r);
  fail_times(h, 1, milliseconds(0), r, s);
  CHECK(h.succeeded(old1, s) == HealthChange::none);
  CHECK(h.failed(old2, milliseconds(1), r, s) == HealthChange::none);
  CHECK(h.state() == HealthState::ejected);
  CHECK(h.eligible(milliseconds(1000)));
  h.abandoned(old1, milliseconds(2));
  CHECK(h.state() == HealthState::ejected);
}

TEST_CASE("ejection: a forced request restores by its success and does no harm by its failure") {
  EndpointHealth h;
  EjectedShare s;
  const EjectionRule r = rule_of(1, 1);
  CHECK(h.force(milliseconds(0), r).kind == Kind::normal);
  fail_times(h, 1, milliseconds(0), r, s);
  const HealthTicket a = h.force(milliseconds(1), r);
  const HealthTicket b = h.force(milliseconds(1), r);
  CHECK(a.kind == Kind::forced);
  CHECK(h.failed(a, milliseconds(2), r, s) == HealthChange::none);
  CHECK(h.eligible(milliseconds(1000)));
  CHECK(h.succeeded(b, s) == HealthChange::restored);
  CHECK(h.state() == HealthState::healthy);
  CHECK(s.count() == 0);
  fail_times(h, 1, milliseconds(0), r, s);
  CHECK(h.force(milliseconds(1000), r).kind == Kind::trial);
}

TEST_CASE("ejection: off, and the pool's share") {
  EndpointHealth never;
  EjectedShare s;
  fail_times(never, 100, milliseconds(0), rule_of(0, 5), s);
  CHECK(never.state() == HealthState::healthy);
  const EjectionRule r = rule_of(2, 2);
  std::vector<EndpointHealth> pool(4);
  for (auto& h : pool) fail_times(h, 20'000, milliseconds(0), r, s);
  CHECK(s.count() == 2);
  CHECK(pool[0].state() == HealthState::ejected);
  CHECK(pool[1].state() == HealthState::ejected);
  CHECK(pool[2].state() == HealthState::healthy);
  // When a place becomes free, the next failure of a bad one takes it.
  pool[0].succeeded(pool[0].admit(milliseconds(1000), r), s);
  CHECK(s.count() == 1);
  fail_times(pool[2], 1, milliseconds(1000), r, s);
  CHECK(pool[2].state() == HealthState::ejected);
}

TEST_CASE("ejection: a new pool takes over what the old one knew") {
  EjectedShare old_share;
  EjectedShare share;
  const EjectionRule r = rule_of(1, 1);
  EndpointHealth old;
  fail_times(old, 1, milliseconds(0), r, old_share);
  EndpointHealth next;
  EndpointHealth other;
  next.adopt(old, r, share);
  other.adopt(old, r, share);
  CHECK(next.state() == HealthState::ejected);
  CHECK(other.state() == HealthState::healthy);
  CHECK(share.count() == 1);
  CHECK(next.succeeded(next.admit(milliseconds(1000), r), share) == HealthChange::restored);
  CHECK(share.count() == 0);
  CHECK(old_share.count() == 1);
}

TEST_CASE("ejection: random walks keep the share equal to the endpoints that are out") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const std::size_t n = 1 + random() % 6;
    marquee::config::Ejection settings;
    settings.consecutive_failures = 1 + random() % 4;
    settings.duration = milliseconds(1 + random() % 50);
    settings.max_percent = static_cast<std::uint32_t>(random() % 101);
    EjectionRule r = ejection_rule(settings, n);
    r.trial = milliseconds(random() % 40);
    std::vector<EndpointHealth> pool(n);
    EjectedShare share;
    struct Open {
      std::size_t endpoint;
      HealthTicket ticket;
    };
    std::vector<Open> open;
    milliseconds now(0);
    for (int step = 0; step < 400; ++step) {
      now += milliseconds(random() % 10);
      if (open.size() < 8 && random() % 2) {
        const std::size_t e = random() % n;
        const HealthTicket t = random() % 8 ? pool[e].admit(now, r) : pool[e].force(now, r);
        if (t.kind != Kind::refused) open.push_back({e, t});
      } else if (!open.empty()) {
        const std::size_t which = random() % open.size();
        const Open o = open[which];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
        const auto result = random() % 5;
        if (result < 3) pool[o.endpoint].failed(o.ticket, now, r, share);
        if (result == 3) pool[o.endpoint].succeeded(o.ticket, share);
        if (result == 4) pool[o.endpoint].abandoned(o.ticket, now);
      }
      std::uint32_t out = 0;
      for (const auto& h : pool) out += h.state() != HealthState::healthy;
      REQUIRE(out == share.count());
      REQUIRE(out <= r.most);
      REQUIRE(out < n);
    }
  }
}

TEST_CASE("ejection: many threads, one trial each time, no place lost") {
  const EjectionRule r = rule_of(2, 2);
  std::vector<EndpointHealth> pool(3);
  EjectedShare share;
  std::atomic<bool> share_kept{true};
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 20'000; ++i) {
      const milliseconds now(i * 3);
      EndpointHealth& h = pool[random() % pool.size()];
      const HealthTicket t = h.admit(now, r);
      if (share.count() > r.most) share_kept = false;
      if (random() % 3) {
        h.failed(t, now, r, share);
      } else {
        h.succeeded(t, share);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& t : threads) t.join();
  CHECK(share_kept);
  std::uint32_t out = 0;
  for (const auto& h : pool) out += h.state() != HealthState::healthy;
  CHECK(out == share.count());

  // All callers that meet the end of one ejection at once: one trial.
  for (int round = 0; round < 200; ++round) {
    EndpointHealth h;
    EjectedShare s;
    fail_times(h, 2, milliseconds(0), rule_of(2, 1), s);
    std::atomic<int> trials{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&] { trials += h.admit(milliseconds(1000), r).kind == Kind::trial; });
    }
    for (auto& t : callers) t.join();
    REQUIRE(trials == 1);
  }
}
