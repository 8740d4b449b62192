#include "proxy/policy/path_rules.hpp"

#include <doctest/doctest.h>

using namespace marquee::proxy::policy;

namespace {

const PathRules kCustom({"/api/cron", "/api/admin"}, {});

PathVerdict judge(const PathRules& rules, std::string_view target) {
  std::string buffer;
  return rules.judge(read_path(target, buffer));
}

PathOf whose(std::string_view target, PathOwner owner) {
  std::string buffer;
  return owner_of(read_path(target, buffer), target, owner);
}

bool own(std::string_view target, PathOwner owner) { return whose(target, owner) == PathOf::own; }

}  // namespace

TEST_CASE("a refused path is refused in every way a server might read it") {
  for (const char* target :
       {"/api/cron",       "/api/cron/",       "/api/cron/domains?x=1", "/api/cron?x",
        "//api/cron",      "/api//cron",       "/./api/cron",           "/api/./cron",
        "/%61pi/cron",     "/api/%63ron",      "/api%2fcron",           "/api%2Fcron",
        "/api\\cron",      "/api%5ccron",      "\\api\\cron",           "/API/CRON",
        "/Api/cRon",       "/api/cron;x=1",    "/api;v=2/cron",         "/api/;/cron",
        "/api/;x=1/cron",  "/api/%3bx/cron",   "/%2561pi/cron",         "/api/%252563ron",
        "/api/cron%00.js", "/api/%00cron",     "/api/%2e/cron",         "/api/cr%0aon",
        "/api/admin",      "/api/admin/users", "/%2f/api/admin",        "/api/cron.",
        "/api/cron%20",    "/api/cron%3fx",    "/api/cron%23",          "/api./cron",
        "/api/cron./x"}) {
    CAPTURE(target);
    const auto verdict = judge(kCustom, target);
    CHECK(verdict != PathVerdict::served);
  }
}

TEST_CASE("what two servers read as two places is ambiguous") {
  for (const char* target :
       {"/x/../api/cron", "/api/x/../cron", "/api/x/%2e%2e/cron", "/api/x/.%2E/cron", "/..",
        "/a/..;/b", "/a%2f..%2fb", "/a\\..\\b", "/%25252561pi/cron", "/a/%c0%ae%c0%ae/b",
        "/%c0%afapi", "/api/x/%252e%252e/cron", "/x%00", "/x%0a", "/x/..%3f"}) {
    CAPTURE(target);
    CHECK(judge(kCustom, target) == PathVerdict::ambiguous);
  }
}

TEST_CASE("innocent neighbours are served") {
  for (const char* target :
       {"/", "/api", "/api/", "/api/crontab", "/api/cron-jobs", "/apiary/cron", "/x/api/cron",
        "/api/administrator", "/a..b/c", "/...", "/.well-known/x", "/a%20b/%C3%A9t%C3%A9",
        "/p?next=/api/cron", "/p?a=/../x", "*", "/%C0propos", "/a;b=c/d", "/100%"}) {
    CAPTURE(target);
    CHECK(judge(kCustom, target) == PathVerdict::served);
  }
  CHECK(judge(PathRules(), "/../..") == PathVerdict::served);
  const PathRules judged({}, {}, true);  // by gates only
  CHECK(judge(judged, "/../..") == PathVerdict::ambiguous);
  CHECK(judge(judged, "/a;b//c%2fd") == PathVerdict::served);
}

TEST_CASE("an allow-list serves what it names and nothing else") {
  const PathRules rules({"/api/private"}, {"/api", "/assets"});
  CHECK(judge(rules, "/api") == PathVerdict::served);
  CHECK(judge(rules, "/api/x") == PathVerdict::served);
  CHECK(judge(rules, "/assets/a.css") == PathVerdict::served);
  CHECK(judge(rules, "/") == PathVerdict::refused);
  CHECK(judge(rules, "/apiary") == PathVerdict::refused);
  CHECK(judge(rules, "/API/x") == PathVerdict::refused);
  CHECK(judge(rules, "/api/PRIVATE/x") == PathVerdict::refused);
  CHECK(judge(rules, "/api;x/y") == PathVerdict::refused);
  CHECK(judge(rules, "/assets/../secret") == PathVerdict::ambiguous);
  CHECK(judge(PathRules({}, {"/"}), "/anything") == PathVerdict::served);
}

TEST_CASE("a host reaches its own module and site only") {
  const PathOwner owner{"mod-1", "site-1"};
  CHECK(own("/api/modules/mod-1/api/x", owner));
  CHECK(own("/api/modules/MOD-1/api/x", owner));
  CHECK(own("/api/modules", owner));
  CHECK_FALSE(own("/api/modules/mod-2/api/x", owner));
  CHECK_FALSE(own("/API//Modules/%6dod-2/api/x", owner));
  CHECK_FALSE(own("/api/modules;x/mod-2", owner));
  CHECK(own("/api/modules/mod-2/api/x", {"", "site-1"}));
  CHECK(own("/api/sites/site-1/domain", owner));
  CHECK_FALSE(own("/api/sites/site-2/domain", owner));
  CHECK(own("/api/x?site_id=site-1", owner));
  CHECK_FALSE(own("/api/x?site_id=site-2", owner));
  CHECK_FALSE(own("/api/x?site_id=site-1&site_id=site-2", owner));
  CHECK_FALSE(own("/api/x?a=b;site_id=site-2", owner));
  CHECK_FALSE(own("/api/x?%73ite%5Fid=site%2D2", owner));
  CHECK(own("/api/x?xsite_id=site-2&site_id", owner));
  CHECK(own("/page?site_id=site-2", owner));
  CHECK(own("/api/sites/site-2", {}));
  std::string many = "/api/x?site_id=site-1";
  for (int i = 0; i < 7; ++i) many += "&site_id=site-1";
  CHECK(own(many, owner));
  CHECK(whose(many + "&site_id=site-2", owner) == PathOf::unclear);
  CHECK(whose(many + "&site_id=site-1", owner) == PathOf::unclear);
}

TEST_CASE("values of a query") {
  CHECK(query_values("/a", "x", 4).empty());
  CHECK(query_values("/a?x=1&y=2&x=a+b%21&x", "x", 4) == std::vector<std::string>{"1", "a b!", ""});
  CHECK(query_values("/a?x=1&x=2&x=3", "x", 2).size() == 2);
}
