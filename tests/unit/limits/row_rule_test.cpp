// Rules whose numbers stand in rows of the directory, and keys that somebody wrote down.
#include <doctest/doctest.h>

#include "limits/given_key.hpp"
#include "limits/local_store.hpp"
#include "limits/redis_script.hpp"

using namespace marquee;
using namespace marquee::limits;

namespace {

constexpr RowRules kAll{true, true, true, false};

Asker api_caller() {
  Asker out;
  out.domain = "shop.test";
  out.agency = "a1";
  out.site = "s1";
  out.identity = Identity::api_key;
  out.api_key = "k1";
  out.rows.caller_minute = 3;
  out.rows.caller_day = 1000;
  return out;
}

std::vector<std::string> keys_of(const RuleSet& rules, const Asker& asker) {
  Question q;
  rules.collect(asker, q);
  std::vector<std::string> out;
  for (const Charge& c : q.charges) out.emplace_back(q.key(c));
  return out;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_SUITE("limits by rows") {
  TEST_CASE("what a row does not say is no rule") {
    const RuleSet rules({}, kAll);
    CHECK(keys_of(rules, api_caller()) ==
          Keys{"api_key_per_minute:api_key=k1", "api_key_per_day:api_key=k1"});
    Asker asker = api_caller();
    asker.rows.caller_day = 0;
    CHECK(keys_of(rules, asker) == Keys{"api_key_per_minute:api_key=k1"});
    asker.rows = {};
    CHECK(keys_of(rules, asker).empty());
    // A user's token has no row; its numbers would be nobody's.
    asker = api_caller();
    asker.api_key = {};
    CHECK(keys_of(rules, asker).empty());
    CHECK(RuleSet({}).empty());
  }

  TEST_CASE("a route counts each caller, by key, user or address") {
    const RuleSet rules({}, {false, true, false, false});
    const auto address = *base::IpAddress::parse("203.0.113.7");
    Asker asker = api_caller();
    asker.api_route = "r1";
    asker.rows.route_minute = 5;
    asker.address = &address;
    const std::string site = "api_route_per_minute:site=s1,caller=";
    CHECK(keys_of(rules, asker) == Keys{site + "key:k1,api_route=r1"});
    asker.api_key = {};
    asker.user = "ann";
    CHECK(keys_of(rules, asker) == Keys{site + "user:ann,api_route=r1"});
    asker.user = {};
    CHECK(keys_of(rules, asker) == Keys{site + "ip:203.0.113.7/32,api_route=r1"});
    asker.api_route = {};
    CHECK(keys_of(rules, asker).empty());
  }

  TEST_CASE("an origin counts for its site") {
    const RuleSet rules({}, {false, false, true, false});
    Asker asker = api_caller();
    asker.origin = "m1/*.partner.example";
    asker.rows.origin_hour = 2;
    CHECK(keys_of(rules, asker) == Keys{"origin_per_hour:site=s1,origin=m1/*.partner.example"});
    Question q;
    rules.collect(asker, q);
    CHECK(q.tag(q.charges[0]) == "agency=a1");
  }

  TEST_CASE("the row's number decides, here and in the question to Redis") {
    const RuleSet rules({}, kAll);
    LocalStore store(1 << 20, {1, 2});
    Question q;
    for (int i = 0; i < 3; ++i) {
      rules.collect(api_caller(), q);
      CHECK(store.decide(q, kTicksPerSecond).allowed());
    }
    rules.collect(api_caller(), q);
    CHECK(store.decide(q, kTicksPerSecond).refused_by == 0);
    CHECK(q.charges[0].decision.remaining == 0);
    // A row that is changed counts from the next request on: what is owed comes back sooner.
    Asker more = api_caller();
    more.rows.caller_minute = 6;
    rules.collect(more, q);
    CHECK_FALSE(store.decide(q, 10 * kTicksPerSecond).allowed());
    rules.collect(more, q);
    CHECK(store.decide(q, 11 * kTicksPerSecond).allowed());

    rules.collect(api_caller(), q);
    ScriptCall call;
    call.compose(q, "p", "sha", true);
    const auto words = call.words();
    CHECK(words[3] == "p:api_key_per_minute:api_key=k1");
    CHECK(words[5] == std::to_string(60 * kTicksPerSecond));  // depth
    CHECK(words[6] == std::to_string(20 * kTicksPerSecond));  // price
  }

  TEST_CASE("a number beyond reason is the greatest one") {
    const Limit most = row_limit(4'294'967'295u, 60);
    CHECK(most.burst == 60 * kMostPerSecond);
    CHECK(most.unit > 0);
    CHECK(row_limit(4'294'967'295u, 86'400).depth <= 86'500 * kTicksPerSecond);
  }

  TEST_CASE("shadow") {
    const RuleSet rules({}, {true, false, false, true});
    for (const Rule& rule : rules.rules()) CHECK(rule.shadow);
  }

  TEST_CASE("when there are which") {
    config::Settings settings;
    settings.tenants.module_apis = settings.tenants.cors = true;
    settings.access.rules.emplace_back().accept = {config::Credential::api_key};
    CHECK_FALSE(row_rules(settings).routes);  // domains of the settings have no rows
    settings.directory.kind = config::DirectoryKind::sqlite;
    const RowRules on = row_rules(settings);
    CHECK((on.callers && on.routes && on.origins && !on.shadow));
    settings.rate_limits.rows = config::RowLimits::shadow;
    CHECK(row_rules(settings).shadow);
    settings.rate_limits.rows = config::RowLimits::off;
    CHECK_FALSE(row_rules(settings).callers);
    settings.rate_limits.rows = config::RowLimits::enforce;
    settings.access.rules[0].accept = {config::Credential::jwt};
    CHECK_FALSE(row_rules(settings).callers);
  }
}

TEST_SUITE("limits given keys") {
  Rule rule_by(std::vector<Part> parts) {
    Rule rule;
    rule.name = "r";
    rule.parts = std::move(parts);
    rule.limit = Limit::of(10, 60, 10);
    return rule;
  }
  std::string key_of(const Rule& rule, std::vector<GivenPart> given, bool tagged = false) {
    Question q;
    const std::string fault = given_key(rule, given, 0, tagged, q);
    return fault.empty() ? std::string(q.key(q.charges.at(0))) : "! " + fault;
  }

  TEST_CASE("as a request would have it") {
    CHECK(key_of(rule_by({}), {}) == "r");
    CHECK(key_of(rule_by({Part::agency, Part::client_ip}),
                 {{"client_ip", "203.0.113.7"}, {"agency", "a1"}}) ==
          "r:agency=a1,client_ip=203.0.113.7/32");
    CHECK(key_of(rule_by({Part::client_ip}), {{"client_ip", "2001:db8:1:2:3::4/64"}}) ==
          "r:client_ip=2001:db8:1:2::/64");
    CHECK(key_of(rule_by({Part::user}), {{"user", "a,b=c"}}) == "r:user=a%2cb%3dc");
    CHECK(key_of(rule_by({Part::caller}), {{"caller", "ip:203.0.113.7"}}) ==
          "r:caller=ip:203.0.113.7/32");
    CHECK(key_of(rule_by({Part::agency}), {{"agency", "@shop.test"}}) == "r:agency=@shop.test");
  }

  TEST_CASE("what is wrong is said") {
    CHECK(key_of(rule_by({Part::agency, Part::user}), {{"agency", "a"}}) ==
          "! r counts by agency, user; user is missing");
    CHECK(key_of(rule_by({Part::agency}), {{"agency", "a"}, {"user", "u"}}) ==
          "! r does not count by user; it counts by agency");
    CHECK(key_of(rule_by({}), {{"nonsense", "a"}}).starts_with("! r does not count by nonsense"));
    CHECK(key_of(rule_by({Part::client_ip}), {{"client_ip", "here"}})
              .starts_with("! client_ip is no address"));
    CHECK(key_of(rule_by({Part::caller}), {{"caller", "ann"}}).starts_with("! caller is none"));
    CHECK(key_of(rule_by({Part::site}), {{"site", "s"}}, true).find("agency=ID") !=
          std::string::npos);
  }

  TEST_CASE("the tag of the tenant") {
    Question q;
    CHECK(given_key(rule_by({Part::site}), std::vector<GivenPart>{{"site", "s"}, {"agency", "a"}},
                    0, true, q)
              .empty());
    CHECK(q.tag(q.charges[0]) == "agency=a");
    CHECK(q.key(q.charges[0]) == "r:site=s");
    CHECK(q.charges[0].cost == 0);
  }
}
