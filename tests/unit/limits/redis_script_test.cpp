#include "limits/redis_script.hpp"

#include <doctest/doctest.h>

#include "limits/answer_fields.hpp"
#include "limits/breaker.hpp"
#include "limits/local_store.hpp"
#include "limits/top_refused.hpp"

using namespace marquee;
using namespace marquee::limits;

namespace {

config::RateLimits two_rules() {
  config::RateLimits settings;
  config::RateRule rule;
  rule.name.value = "site";
  rule.rate.value = "10/s";
  rule.burst = 5;
  rule.cost = 2;
  rule.key = {{"site", {}}};
  settings.rules.push_back(rule);
  rule.name.value = "all";
  rule.key.clear();
  rule.shadow = true;
  rule.cost = 1;
  settings.rules.push_back(rule);
  return settings;
}

struct Asked {
  Asked() : rules(two_rules()) {
    Asker asker;
    asker.agency = "a1";
    asker.site = "s1";
    rules.collect(asker, question);
  }
  RuleSet rules;
  Question question;
};

constexpr std::int64_t unit = kTicksPerSecond / 10;

}  // namespace

TEST_SUITE("limits redis script") {
  TEST_CASE("the call") {
    const Asked a;
    ScriptCall call;
    call.compose(a.question, "pre", "abc", true);
    const std::vector<std::string> words(call.words().begin(), call.words().end());
    CHECK(words == std::vector<std::string>{"EVALSHA", "abc", "2", "pre:{agency=a1}:site:site=s1",
                                            "pre:all", std::to_string(5 * unit),
                                            std::to_string(2 * unit), "1", std::to_string(5 * unit),
                                            std::to_string(unit), "0"});
    call.compose(a.question, "pre", "text", false);
    CHECK(call.words()[0] == "EVAL");
    CHECK(call.words().size() == 11);
    CHECK(redis_key("p", {}, kNodesKey) == "p:@nodes");
  }

  TEST_CASE("a probe and what answers it") {
    for (const bool leased : {false, true}) {
      const auto numbers = probe_numbers(leased);
      CHECK(numbers.size() == (leased ? 4 : 3));
    }
    const auto answers = [](std::vector<std::int64_t> items) { return answers_probe(items); };
    CHECK(answers({1, 0}));
    CHECK(answers({0, 1}));
    CHECK_FALSE(answers({}));
    CHECK_FALSE(answers({1}));
    CHECK_FALSE(answers({2, 0}));
    CHECK_FALSE(answers({1, -1}));
    CHECK_FALSE(answers({1, kTicksPerSecond + 1}));
    CHECK_FALSE(answers({1, 0, 0}));
  }

  TEST_CASE("the answer") {
    Asked a;
    const auto read = [&](std::vector<std::int64_t> items) {
      return read_answer(items, a.question);
    };
    CHECK(read({1, 0, 5 * unit}));
    CHECK(refused_by(a.question) == -1);
    CHECK(a.question.charges[0].decision.remaining == 3);
    CHECK_FALSE(a.question.charges[1].decision.allowed);  // the shadow
    CHECK(read({0, 4 * unit, 0}));
    CHECK(refused_by(a.question) == 0);
    CHECK(a.question.charges[0].decision.retry_after == unit);
    CHECK(a.question.charges[1].decision.remaining == 5);  // it was not charged
    // What is no answer to this question.
    CHECK_FALSE(read({}));
    CHECK_FALSE(read({1, 0}));
    CHECK_FALSE(read({2, 0, 0}));
    CHECK_FALSE(read({1, -1, 0}));
    CHECK_FALSE(read({1, 0, 6 * unit}));
    CHECK_FALSE(read({0, 0, 0}));
    CHECK_FALSE(read({1, 5 * unit, 0}));
  }

  TEST_CASE("breaker") {
    Breaker breaker(20'000);
    CHECK_FALSE(breaker.closed());  // nothing is known yet
    CHECK(breaker.wants_probe(0));
    breaker.probe_sent(0);
    CHECK_FALSE(breaker.wants_probe(1));
    CHECK_FALSE(breaker.probe_answered(20'001));  // too far away
    breaker.probe_sent(100'000);
    CHECK(breaker.probe_answered(120'000));
    CHECK(breaker.closed());
    CHECK(breaker.failed(2'000'000));
    CHECK_FALSE(breaker.failed(2'000'000));
    breaker.probe_sent(2'100'000);
    breaker.probe_lost();
    CHECK(breaker.wants_probe(2'100'000));
    CHECK_FALSE(breaker.probe_answered(2'100'001));  // of no probe
    CHECK_FALSE(breaker.closed());
  }

  TEST_CASE("a breaker that opens right after it was closed is probed ever less") {
    constexpr std::int64_t ms = 1000;
    Breaker breaker(20 * ms);
    std::int64_t now = 50'000 * ms;
    const auto close = [&] {
      while (!breaker.wants_probe(now)) now += ms;
      breaker.probe_sent(now);
      CHECK(breaker.probe_answered(now));
    };
    const auto pause_after = [&](std::int64_t closed_for) {
      now += closed_for;
      CHECK(breaker.failed(now));
      const std::int64_t from = now;
      close();
      return (now - from) / ms;
    };
    close();
    CHECK(pause_after(5000 * ms) == 0);  // the first of an outage: at once
    CHECK(pause_after(ms) == 100);
    CHECK(pause_after(ms) == 200);
    CHECK(pause_after(ms) == 400);
    CHECK(pause_after(ms) == 400);
    CHECK(pause_after(999 * ms) == 400);  // and so back within two seconds
    CHECK(pause_after(1000 * ms) == 0);
    CHECK(pause_after(ms) == 100);
  }
}

TEST_SUITE("limits answers") {
  TEST_CASE("the rule that refused is shown, and those that want to be") {
    config::RateLimits settings;
    config::RateRule rule;
    rule.name.value = "quiet";
    rule.rate.value = "60/m";
    rule.burst = 10;
    settings.rules.push_back(rule);
    rule.name.value = "loud";
    rule.rate.value = "1/s";
    rule.burst = 4;
    rule.fields = true;
    settings.rules.push_back(rule);
    const RuleSet rules(settings);
    Question q;
    rules.collect({}, q);
    q.charges[0].decision = decide(0, 0, rules.rules()[0].limit, 1);
    q.charges[1].decision = decide(0, 0, rules.rules()[1].limit, 1);
    AnswerFields f = answer_fields(q, -1, 1'000'000);
    CHECK(f.policy == "\"loud\";q=4;w=4");
    CHECK(f.state == "\"loud\";r=3;t=1");
    CHECK(f.limit == "4");
    CHECK(f.reset == "1001");
    CHECK(f.retry_after.empty());
    q.charges[0].decision = decide(10 * kTicksPerSecond, 0, rules.rules()[0].limit, 1);
    f = answer_fields(q, 0, 1'000'010);
    CHECK(f.policy == "\"quiet\";q=10;w=10, \"loud\";q=4;w=4");
    CHECK(f.state == "\"quiet\";r=0;t=10, \"loud\";r=3;t=1");
    CHECK(f.limit == "10");
    CHECK(f.remaining == "0");
    CHECK(f.reset == "1011");  // not before it is
    CHECK(f.retry_after == "1");
    CHECK(refusal_json(rules.rules()[0], f) ==
          "{\"error\":\"Rate limit exceeded\",\"code\":\"RATE_LIMITED\",\"retryAfter\":1,\"limit\":"
          "\"quiet\"}");
  }

  TEST_CASE("of two rules that refuse, the one that does so for longer answers") {
    config::RateLimits settings;
    config::RateRule rule;
    rule.name.value = "minute";
    rule.rate.value = "60/m";
    rule.burst = 3;
    settings.rules.push_back(rule);
    rule.name.value = "hour";
    rule.rate.value = "1/h";
    settings.rules.push_back(rule);
    const RuleSet rules(settings);
    LocalStore store(1 << 20, {1, 2});
    for (int i = 0; i < 4; ++i) {
      Question q;
      rules.collect({}, q);
      const Verdict verdict = store.decide(q, kTicksPerSecond);
      CHECK(verdict.refused_by == (i < 3 ? -1 : 1));
      if (i < 3) continue;
      const AnswerFields f = answer_fields(q, verdict.refused_by, 1'000'000);
      CHECK(f.retry_after == "3600");
      q.charges[1].decision.allowed = true;
      CHECK(refused_by(q) == 0);
    }
  }

  TEST_CASE("who is refused most stays in the sketch") {
    TopRefused top;
    for (int i = 0; i < 20'000; ++i) {
      top.add("r", "crowd-" + std::to_string(i));
      if (i % 10 == 0) top.add("r", "heavy");
    }
    std::vector<TopRefused::Place> sums;
    top.add_to(sums);
    CHECK(sums.size() == TopRefused::kPlaces);
    TopRefused::cut(sums, 3);
    CHECK(sums.size() == 3);
    CHECK(sums[0].tenant == "heavy");
    CHECK(sums[0].count >= 2000);
  }
}
