// The gate of rate limits before a store that answers when it is told to.
#include "proxy/limit_gate.hpp"

#include <doctest/doctest.h>

#include "limits/redis_script.hpp"
#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

class FakeStore final : public limits::SharedCounters {
 public:
  Ticket ask(limits::Question& question, Waiter& waiter, std::uint64_t tag) override {
    if (down) return 0;
    asked = &question;
    who = &waiter;
    its_tag = tag;
    return 7;
  }
  std::optional<limits::Verdict> decide_now(limits::Question& question) override {
    if (down) return std::nullopt;
    std::vector<std::int64_t> items(question.charges.size() + 1, 0);
    items[0] = 1;
    limits::read_answer(items, question);
    return limits::Verdict{};
  }
  bool leased() const override { return leases; }
  void cancel(Ticket ticket) override {
    CHECK(ticket == 7);
    asked = nullptr;
    ++cancelled;
  }
  std::uint32_t nodes() const override { return 2; }

  void answer(std::int64_t debt_share) {  // in percent of the depth
    REQUIRE(asked);
    std::vector<std::int64_t> items{1};
    for (const limits::Charge& c : asked->charges) {
      const limits::Ticks debt = c.limit.depth * debt_share / 100;
      items.push_back(debt);
      if (debt + c.limit.unit > c.limit.depth && !c.rule->shadow) items[0] = 0;
    }
    REQUIRE(limits::read_answer(items, *std::exchange(asked, nullptr)));
    who->on_counted(its_tag, true);
  }
  // All keys are as if never seen, of those charges that it can tell of.
  void answer_save(std::uint64_t uncounted) {
    REQUIRE(asked);
    std::vector<std::int64_t> items(asked->charges.size() + 1, 0);
    items[0] = 1;
    REQUIRE(limits::read_answer(items, *asked));
    asked->uncounted = uncounted;
    asked = nullptr;
    who->on_counted(its_tag, true);
  }
  void fail() {
    REQUIRE(std::exchange(asked, nullptr));
    who->on_counted(its_tag, false);
  }

  bool down = false, leases = false;
  limits::Question* asked = nullptr;
  Waiter* who = nullptr;
  std::uint64_t its_tag = 0;
  int cancelled = 0;
};

config::RateLimits settings_of(std::uint32_t burst, config::LimitFallback on_failure = {}) {
  config::RateLimits out;
  config::RateRule rule;
  rule.name.value = "all";
  rule.rate.value = "4/h";
  rule.burst = burst;
  rule.fields = true;
  out.rules.push_back(rule);
  out.on_failure = on_failure;
  return out;
}

struct Limited {
  Limited(const Scenario& scenario, const config::RateLimits& settings, bool shared = true)
      : metrics(registry), rig(scenario, {}) {
    registry.start(1);
    config::Settings all;
    all.rate_limits = settings;
    auto plan = make_limit_plan(all, metrics, registry);
    gate = std::make_unique<LimitGate>(rig.turn, local, shared ? &store : nullptr, metrics,
                                       registry.cells(0), 0);
    gate->install(std::move(plan));
    rig.services.gate(GateKind::limits) = gate.get();
  }
  void play() {
    rig.finish_turn();
    rig.play();
  }
  std::string end() {
    rig.pass_time();
    rig.check_over();
    CHECK(gate->waiting() == 0);
    return wire_text(rig.client_wire.out);
  }
  base::Registry registry;
  LimitMetrics metrics;
  limits::LocalStore local{1 << 16, {1, 2}};
  FakeStore store;
  std::unique_ptr<LimitGate> gate;
  ProxyRig rig;
};

Scenario simple(const std::string& until) {
  return {"simple", {{"", get("/")}, leave(until)}, {{{"\r\n\r\n", answer("hello")}}}};
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("limit gate: the store lets through, or refuses") {
  Limited yes(simple("hello"), settings_of(4));
  yes.rig.play();
  CHECK(yes.gate->waiting() == 1);
  CHECK(yes.rig.upstream_out().empty());
  yes.store.answer(0);
  yes.play();
  const std::string allowed = yes.end();
  CHECK(has(allowed, "hello"));
  CHECK(has(allowed, "RateLimit: \"all\";r=3;t=900\r\n"));

  Limited no(simple("}"), settings_of(4));
  no.rig.play();
  no.store.answer(100);
  no.play();
  const std::string refused = no.end();
  CHECK(has(refused, "HTTP/1.1 429 "));
  CHECK(has(refused, "Retry-After: 900\r\n"));
  CHECK(has(refused, "\"limit\":\"all\"}"));
  CHECK(no.rig.upstream_out().empty());
  REQUIRE(no.rig.records.all.size() == 1);
  CHECK(no.rig.records.all[0].outcome.cause == RefusalCause::rate_limited);
}

TEST_CASE("limit gate: without the store, as the settings say") {
  for (const bool at_once : {true, false}) {
    CAPTURE(at_once);
    using Fallback = config::LimitFallback;
    for (const auto& [how, until, says] :
         {std::tuple{Fallback::local, "hello", "RateLimit: \"all\";r=1;"},  // 2 nodes share 4
          {Fallback::open, "hello", "hello"},
          {Fallback::closed, "</html>", "HTTP/1.1 503 "}}) {
      Limited l(simple(until), settings_of(4, how));
      l.store.down = at_once;
      l.rig.play();
      if (!at_once) {
        l.store.fail();
        l.play();
      }
      CHECK(has(l.end(), says));
    }
  }
}

TEST_CASE("limit gate: a store that can decide some rules only") {
  using Fallback = config::LimitFallback;
  for (const auto& [how, until, says] :
       {std::tuple{Fallback::local, "hello", "\"all\";r=1;t=1800, \"other\";r=3;t=900\r\n"},
        {Fallback::open, "hello", "RateLimit: \"other\";r=3;t=900\r\n"},
        {Fallback::closed, "</html>", "HTTP/1.1 503 "}}) {
    CAPTURE(says);
    config::RateLimits settings = settings_of(4, how);
    settings.rules.push_back(settings.rules[0]);
    settings.rules[1].name.value = "other";
    Limited l(simple(until), settings);
    l.rig.play();
    l.store.answer_save(0b01);
    l.play();
    const std::string out = l.end();
    CHECK_MESSAGE(has(out, says), out);
  }
}

TEST_CASE("limit gate: leases are decided at once, and fall back likewise") {
  for (const bool down : {false, true}) {
    Limited l(simple("hello"), settings_of(4));
    l.store.leases = true;
    l.store.down = down;
    l.rig.play();
    CHECK(l.gate->waiting() == 0);
    CHECK(has(l.end(), down ? "RateLimit: \"all\";r=1;" : "RateLimit: \"all\";r=3;"));
  }
}

TEST_CASE("limit gate: a client that leaves while it waits is forgotten by the store") {
  Scenario s = simple("hello");
  s.client[1] = {"", "", Action::reset};
  Limited l(s, settings_of(4));
  l.rig.play();
  CHECK(l.store.cancelled == 1);
  CHECK(l.gate->waiting() == 0);
  l.end();
}

TEST_CASE("limit gate: a connection that is closed over a wait") {
  Limited l(simple("hello"), settings_of(4));
  l.rig.play();
  l.rig.close_client();
  CHECK(l.store.cancelled == 1);
  l.end();
}

TEST_CASE("limit gate: the rules change while a request waits") {
  Limited l(simple("hello"), settings_of(4));
  l.rig.play();
  l.gate->install(std::make_shared<LimitPlan>(
      LimitPlan{limits::RuleSet(config::RateLimits{}), LimitFallback::local}));
  l.store.answer(0);
  l.play();
  CHECK(has(l.end(), "RateLimit: \"all\";r=3;"));
}

TEST_CASE("limit gate: a store that never answers has an end all the same") {
  Limited l(simple("</html>"), settings_of(4));
  l.rig.play();
  CHECK(has(l.end(), "HTTP/1.1 503 "));
  CHECK(l.store.cancelled == 1);
}

TEST_CASE("limit gate: places in flight come back, however a request ends") {
  config::RateLimits settings;
  config::RateRule rule;
  rule.name.value = "slots";
  rule.concurrent = 1;
  settings.rules.push_back(rule);
  for (const bool leaves : {false, true}) {
    Scenario s = simple("hello");
    if (leaves) s.client[1] = {"", "", Action::reset};
    Limited l(s, settings, false);
    l.rig.play();
    l.end();
    CHECK(l.local.in_flight("slots") == 0);
  }
}
