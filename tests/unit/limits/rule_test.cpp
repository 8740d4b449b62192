#include "limits/rule.hpp"

#include <doctest/doctest.h>

#include "limits/check.hpp"

using namespace marquee;
using namespace marquee::limits;

namespace {

using Words = std::vector<config::Marked<std::string>>;

Words words(std::initializer_list<const char*> list) {
  Words out;
  for (const char* w : list) out.push_back({w, {}});
  return out;
}

config::RateLimits one(const char* name, Words key) {
  config::RateLimits settings;
  config::RateRule rule;
  rule.name.value = name;
  rule.rate.value = "10/s";
  rule.key = std::move(key);
  settings.rules.push_back(rule);
  return settings;
}

std::string key_of(const config::RateLimits& settings, const Asker& asker) {
  Question q;
  RuleSet(settings).collect(asker, q);
  return q.charges.empty() ? "" : std::string(q.key(q.charges[0]));
}

std::string path_of(std::string_view target) {
  std::string buffer;
  return std::string(rule_path(target, buffer));
}

}  // namespace

TEST_SUITE("limits rules") {
  TEST_CASE("keys") {
    const auto v4 = *base::IpAddress::parse("203.0.113.77");
    const auto v6 = *base::IpAddress::parse("2001:db8:1:2:3:4:5:6");
    Asker asker;
    asker.domain = "shop.example.com";
    asker.agency = "a1";
    asker.client = "c1";
    asker.address = &v4;
    CHECK(key_of(one("r", {}), asker) == "r");
    CHECK(key_of(one("r", words({"client_ip", "agency"})), asker) ==
          "r:agency=a1,client_ip=203.0.113.77/32");
    asker.address_text = "203.0.113.77";
    CHECK(key_of(one("r", words({"client_ip"})), asker) == "r:client_ip=203.0.113.77/32");
    auto wide = one("r", words({"client_ip"}));
    wide.rules[0].ipv4_prefix = 24;
    CHECK(key_of(wide, asker) == "r:client_ip=203.0.113.0/24");
    asker.address = &v6;
    CHECK(key_of(wide, asker) == "r:client_ip=2001:db8:1:2::/64");
    asker.address = nullptr;
    CHECK(key_of(wide, asker) == "r:client_ip=none");
    CHECK(key_of(one("r", words({"site", "domain"})), asker) ==
          "r:site=@shop.example.com,domain=shop.example.com");
  }

  TEST_CASE("no value passes for another key") {
    Asker asker;
    asker.agency = "a,client=b";
    asker.client = "{x}=%2c";
    CHECK(key_of(one("r", words({"agency", "client"})), asker) ==
          "r:agency=a%2cclient%3db,client=%7bx%7d%3d%252c");
    const std::string longer(500, 'u');
    const std::string other = longer + "v";
    asker.user = longer;
    const std::string first = key_of(one("r", words({"user"})), asker);
    asker.user = other;
    const std::string second = key_of(one("r", words({"user"})), asker);
    CHECK(first.size() < 60);
    CHECK(first != second);
    CHECK(first.starts_with("r:user=%~"));
  }

  TEST_CASE("a rule by user is about users; each key is about whom it names") {
    Asker asker;
    asker.domain = "x";
    CHECK(key_of(one("r", words({"user"})), asker).empty());
    CHECK(key_of(one("r", words({"api_key"})), asker).empty());
    asker.user = "u1";
    asker.identity = Identity::user;
    CHECK(key_of(one("r", words({"user"})), asker) == "r:user=u1");
  }

  TEST_CASE("match") {
    auto settings = one("r", words({"route"}));
    config::RateRule& rule = settings.rules[0];
    rule.paths = words({"/api/", "/login"});
    rule.methods = words({"POST"});
    rule.host_classes = words({"custom"});
    rule.identities = words({"anonymous"});
    rule.subscriptions = words({"free"});
    rule.plans = words({"starter"});
    rule.exempt = words({"192.0.2.0/24"});
    Asker asker;
    asker.method = "POST";
    asker.path = "/api/x?y";
    asker.subscription = "free";
    asker.plan = "starter";
    CHECK(key_of(settings, asker) == "r:route=/api/");
    asker.path = "/login";
    CHECK(key_of(settings, asker) == "r:route=/login");
    asker.path = "/";
    CHECK(key_of(settings, asker).empty());
    asker.path = "/%61pi/..//api/%2e/x";
    CHECK(key_of(settings, asker) == "r:route=/api/");
    for (const std::string& spelling :
         {std::string("/LOGIN"), std::string("/;a/login"), std::string("/.;/login"),
          std::string("/%5clogin"), std::string("/login;x=1"), std::string(8000, '/') + "login",
          std::string("/%2e%2e%3b/%256cogin")}) {
      asker.path = spelling;
      CAPTURE(spelling);
      CHECK(key_of(settings, asker) == "r:route=/login");
    }
    asker.path = "/login";
    asker.method = "post";  // some upstreams take it for POST
    CHECK(key_of(settings, asker) == "r:route=/login");
    asker.method = "POST";
    const auto inside = *base::IpAddress::parse("192.0.2.9");
    const auto outside = *base::IpAddress::parse("192.0.3.9");
    asker.address = &outside;
    CHECK_FALSE(key_of(settings, asker).empty());
    asker.address = &inside;
    CHECK(key_of(settings, asker).empty());
    asker.address = nullptr;
    for (const auto& change : std::vector<std::function<void(Asker&)>>{
             [](Asker& a) { a.method = "GET"; }, [](Asker& a) { a.subscription = "active"; },
             [](Asker& a) { a.plan = "pro"; }, [](Asker& a) { a.plan = {}; },
             [](Asker& a) { a.identity = Identity::user; },
             [](Asker& a) { a.host_class = routing::HostClass::app; }}) {
      Asker other = asker;
      change(other);
      CHECK(key_of(settings, other).empty());
    }
    asker.method = "post";
    CHECK_FALSE(key_of(settings, asker).empty());
    asker.method = "HEAD";
    CHECK(key_of(settings, asker).empty());
    settings.rules[0].methods = words({"GET"});
    CHECK_FALSE(key_of(settings, asker).empty());
    settings.rules[0].methods = words({"POST"});
    asker.method = "POST";
    settings.exempt = words({"192.0.3.0/24"});
    asker.address = &outside;
    CHECK(key_of(settings, asker).empty());
  }

  TEST_CASE("keys of tenants carry their agency's tag, others none") {
    auto settings = one("r", words({"site"}));
    settings.rules.push_back(settings.rules[0]);
    settings.rules[1].name.value = "s";
    settings.rules[1].key = words({"client_ip"});
    const RuleSet rules(settings);
    Asker asker;
    asker.agency = "a1";
    asker.site = "s1";
    Question q;
    rules.collect(asker, q);
    REQUIRE(q.charges.size() == 2);
    CHECK(q.tag(q.charges[0]) == "agency=a1");
    CHECK(q.key(q.charges[0]) == "r:site=s1");
    CHECK(q.tag(q.charges[1]).empty());
  }

  TEST_CASE("paths as rules see them") {
    CHECK(path_of("/") == "/");
    CHECK(path_of("/a/b?c=/../d") == "/a/b");
    CHECK(path_of("//a///b/") == "/a/b/");
    CHECK(path_of("/a/./b/../c") == "/a/c");
    CHECK(path_of("/a/..") == "/");
    CHECK(path_of("/../../a") == "/a");
    CHECK(path_of("/%61%50i") == "/aPi");
    CHECK(path_of("/%2561") == "/a");
    CHECK(path_of("/%252561") == "/a");
    CHECK(path_of("/a%2fb") == "/a/b");
    CHECK(path_of("/a%2") == "/a%2");
    CHECK(path_of("/a%00%zz") == "/a%00%zz");
    CHECK(path_of("/.well-known/x") == "/.well-known/x");
    CHECK(path_of("*") == "*");
    CHECK(path_of("/%2e%2e/x").starts_with("/x"));
    CHECK(path_of("/" + std::string(5000, '/') + "x") == "/x");
    CHECK(path_of("/%" + std::string(5000, 'y')).size() == 5002);
  }

  TEST_CASE("rates") {
    CHECK(parse_rate("100/s")->count == 100);
    CHECK(parse_rate("600/m")->seconds == 60);
    CHECK(parse_rate("1/h")->seconds == 3600);
    CHECK(parse_rate("1/d")->seconds == 86'400);
    for (const char* bad : {"", "5", "5/", "/s", "5/w", "-5/s", "5/s ", "x/s", "1.5/s"})
      CHECK_FALSE(parse_rate(bad).has_value());
  }
}

TEST_SUITE("limits check") {
  config::Settings sound() {
    config::Settings s;
    s.rate_limits = one("r", words({"client_ip"}));
    return s;
  }
  std::string fault_of(const config::Settings& s) {
    const auto problems = check(s);
    return problems.size() == 1 ? problems[0].sentence : std::to_string(problems.size());
  }

  TEST_CASE("each fault is found and says what to write") {
    CHECK(check(sound()).empty());
    using Change = std::function<void(config::RateLimits&)>;
    const std::vector<std::pair<Change, const char*>> faults = {
        {[](auto& l) { l.rules.push_back(l.rules[0]); }, "another rule's"},
        {[](auto& l) { l.rules[0].rate.value = "fast"; }, "100/s"},
        {[](auto& l) { l.rules[0].rate.value = "0/s"; }, "at least 1"},
        {[](auto& l) { l.rules[0].rate.value = "100001/s"; }, "100000/s"},
        {[](auto& l) { l.rules[0].rate.value = ""; }, "neither rate nor concurrent"},
        {[](auto& l) { l.rules[0].concurrent = 3; }, "two rules"},
        {[](auto& l) { l.rules[0].key = words({"cookie"}); }, "client_ip"},
        {[](auto& l) { l.rules[0].key = words({"route"}); }, "match.path"},
        {[](auto& l) { l.rules[0].paths = words({"api"}); }, "begins with /"},
        {[](auto& l) { l.rules[0].paths = words({"/api%2fx"}); }, "decoded"},
        {[](auto& l) { l.rules[0].paths = words({"/a/../b"}); }, "resolved"},
        {[](auto& l) { l.rules[0].paths = words({"/a?b"}); }, "match.path"},
        {[](auto& l) { l.rules[0].methods = words({"get"}); }, "capitals"},
        {[](auto& l) {
           l.rules[0].rate.value = "";
           l.rules[0].concurrent = 3;
           l.rules[0].burst = 9;
         },
         "remove them"},
        {[](auto& l) { l.rules[0].host_classes = words({"all"}); }, "custom"},
        {[](auto& l) { l.rules[0].identities = words({"admin"}); }, "anonymous"},
        {[](auto& l) { l.rules[0].exempt = words({"10.0.0.1/8"}); }, "10.0.0.0/8"},
        {[](auto& l) { l.exempt = words({"all"}); }, "10.0.0.0/8"},
        {[](auto& l) { l.rules[0].cost = 11; }, "burst"},
        {[](auto& l) {
           l.rules[0].rate.value = "1/d";
           l.rules[0].burst = 1000;
         },
         "400 days"},
        {[](auto& l) { l.mode = config::LimitMode::leased; }, "redis.address"},
        {[](auto& l) { l.redis.mark.line = 1; }, "or sentinels or cluster"},
        {[](auto& l) {
           l.redis.address.value = "r:6379";
           l.redis.cluster = {{"r:6379", {}}};
         },
         "more than one of address, sentinels and cluster"},
        {[](auto& l) {
           l.redis.sentinels = {{"s:26379", {}}};
         },
         "write master: mymaster"},
        {[](auto& l) { l.redis.master.value = "m"; }, "no sentinels that know it"},
        {[](auto& l) {
           l.redis.cluster = {{"unix:/run/redis", {}}};
         },
         "redis.cluster[0]"},
        {[](auto& l) {
           l.redis.cluster = {{"r:6379", {}}};
           l.redis.database = 1;
         },
         "remove database"},
        {[](auto& l) {
           l.redis.cluster = {{"r:6379", {}}};
           l.redis.sentinel_password = "x";
         },
         "but no sentinels"},
        {[](auto& l) {
           for (int i = 0; i < 16; ++i) {
             l.rules.push_back(l.rules[0]);
             l.rules.back().name.value = "r" + std::to_string(i);
           }
         },
         "at most 16"},
    };
    for (const auto& [change, says] : faults) {
      config::Settings s = sound();
      change(s.rate_limits);
      CAPTURE(says);
      CHECK(fault_of(s).find(says) != std::string::npos);
    }
  }
}
