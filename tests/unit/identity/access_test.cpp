#include "identity/access.hpp"

#include <doctest/doctest.h>

#include "identity/proof_cache.hpp"

using namespace marquee;
using namespace marquee::identity;
using routing::HostClass;

namespace {

config::AccessRule rule_for(std::vector<std::string> paths) {
  config::AccessRule rule;
  rule.paths = std::move(paths);
  rule.accept = {config::Credential::jwt};
  return rule;
}

AccessPolicy policy_of(std::vector<config::AccessRule> rules) {
  config::Access access;
  access.rules = std::move(rules);
  return AccessPolicy(access);
}

Proof good(const std::string& agency, const std::string& site = "",
           const std::string& module = "") {
  Proof p;
  p.result = AccessResult::granted;
  p.caller.user = "u";
  p.caller.agency = agency;
  p.caller.site = site;
  p.module = module;
  return p;
}

}  // namespace

TEST_CASE("a rule covers whole segments, its hosts and its methods") {
  auto rule = rule_for({"/api/modules", "/admin/"});
  rule.hosts = {"custom", "site"};
  rule.methods = {"GET", "POST"};
  rule.open = {"/api/modules/health"};
  const AccessPolicy policy = policy_of({rule});
  const auto asks = [&](std::string_view method, std::string_view path,
                        HostClass host = HostClass::custom) {
    const auto found = policy.find(method, path, host);
    CHECK_FALSE(found.ambiguous);
    return found.rule != nullptr;
  };
  CHECK(asks("GET", "/api/modules"));
  CHECK(asks("GET", "/api/modules?x=/"));
  CHECK(asks("POST", "/api/modules/x/y"));
  CHECK(asks("GET", "/admin/x"));
  CHECK(asks("GET", "/admin/", HostClass::site));
  CHECK_FALSE(asks("GET", "/api/modulesx"));
  CHECK_FALSE(asks("GET", "/"));
  CHECK_FALSE(asks("GET", "/api/modules", HostClass::app));
  CHECK_FALSE(asks("PUT", "/api/modules"));
  CHECK_FALSE(asks("GET", "/api/modules/health"));
  CHECK_FALSE(asks("GET", "/api/modules/health/live?a"));
  CHECK(asks("GET", "/api/modules/healthy"));
  CHECK(policy_of({}).empty());
}

TEST_CASE("no way around a rule by another spelling of the method, or by HEAD") {
  auto rule = rule_for({"/"});
  const auto asks = [&rule](std::vector<std::string> methods, std::string_view method) {
    rule.methods = std::move(methods);
    return policy_of({rule}).find(method, "/x", HostClass::custom).rule != nullptr;
  };
  for (const char* method : {"POST", "post", "Post", "pOST"}) {
    CHECK_MESSAGE(asks({"PUT", "POST"}, method), method);
    CHECK_MESSAGE(asks({"post"}, method), method);
    CHECK_FALSE_MESSAGE(asks({"PUT", "GET", "POS", "POSTS"}, method), method);
  }
  for (const char* method : {"GET", "get", "HEAD", "head", "Head"})
    CHECK_MESSAGE(asks({"GET"}, method), method);
  CHECK(asks({"HEAD"}, "head"));
  CHECK_FALSE(asks({"HEAD"}, "GET"));
  CHECK_FALSE(asks({"GET"}, "HEADS"));
  CHECK_FALSE(asks({"GET"}, "OPTIONS"));
}

TEST_CASE("no way around a rule by another spelling of its path") {
  auto open = rule_for({"/api/modules"});
  open.open = {"/api/modules/health"};
  auto weak = rule_for({"/public"});
  weak.optional = true;
  const AccessPolicy policy = policy_of({weak, open});
  const auto guarded = [&](std::string_view path) {
    CAPTURE(path);
    const auto found = policy.find("GET", path, HostClass::custom);
    CHECK((found.ambiguous || (found.rule && !found.rule->optional)));
  };
  for (const char* path : {"//api/modules/x",
                           "/./api/modules",
                           "/x/../api/modules/x",
                           "/api//modules",
                           "/%61pi/modules",
                           "/api%2fmodules/x",
                           "/api%2Fmodules",
                           "/api/%6dodules",
                           "/%2561pi/modules",
                           "/api;v=1/modules",
                           "/api/modules;x",
                           "\\api\\modules",
                           "/x/%2e%2e/api/modules",
                           "/public/../api/modules",
                           "/public/%2e%2e/api/modules/x",
                           "/public/..%2fapi/modules",
                           "/public/..;/api/modules",
                           "/api/modules/health/../x",
                           "/api/modules/health/%2e%2e/x",
                           "/api/modules/health/..;/x",
                           "/api/modules/health%2f..%2fx",
                           "/api/modules/./x",
                           "/public/%252e%252e/api/modules",
                           "/API/Modules/x",
                           "/%25252561pi/modules",
                           "/api/modules/HEALTH"})
    guarded(path);
  // Not of any rule, however it is read.
  for (const char* path : {"/a%20b", "/caf%C3%A9", "/x//y", "/x;y", "/a%3fb", "/100%", "/%zz"}) {
    CAPTURE(path);
    const auto found = policy.find("GET", path, HostClass::custom);
    CHECK_FALSE(found.ambiguous);
    CHECK(found.rule == nullptr);
  }
  // Below one rule in every reading.
  CHECK(policy.find("GET", "/api/modules/a%20b", HostClass::custom).rule);
  CHECK_FALSE(policy.find("GET", "/api/modules/a%20b", HostClass::custom).ambiguous);
}

TEST_CASE("what two servers take for two places is nobody's") {
  auto rule = rule_for({"/api"});
  rule.hosts = {"app"};
  const AccessPolicy policy = policy_of({rule});
  for (const char* path : {"/x/../y", "/x/..%2fy", "/x%00", "/x%09", "/%c0%afx"}) {
    CAPTURE(path);
    CHECK(policy.find("GET", path, HostClass::app).ambiguous);
    CHECK_FALSE(policy.find("GET", path, HostClass::custom).ambiguous);
  }
}

TEST_CASE("a rule for all holds for the whole server, too") {
  const AccessPolicy policy = policy_of({rule_for({"/"})});
  for (const char* path : {"*", "/", "?x", "//", "/;x"}) {
    CAPTURE(path);
    CHECK(policy.find("OPTIONS", path, HostClass::app).rule);
  }
  CHECK_FALSE(policy_of({rule_for({"/api"})}).find("OPTIONS", "*", HostClass::app).rule);
}

TEST_CASE("a proof for one path is none for another spelling of it") {
  const auto ambiguous = [](config::AccessRule rule, std::string_view path) {
    return policy_of({std::move(rule)}).find("GET", path, HostClass::app).ambiguous;
  };
  auto embed = rule_for({"/embed"}), forward = rule_for({"/embed"}),
       consumer = rule_for({"/embed"});
  embed.accept = {config::Credential::embed};
  consumer.accept = {config::Credential::consumer};
  forward.accept = {};
  forward.forward.value = "sso";
  for (const char* path : {"/embed/m%2fs", "/embed/m\\s", "/embed/./m/s", "/embed/.;x/m",
                           "/embed/%2e/m", "/embed/m/../x", "/embed/;x/m"}) {
    CAPTURE(path);
    CHECK(ambiguous(embed, path));
    CHECK(ambiguous(forward, path));
    CHECK(ambiguous(consumer, path));
  }
  for (const char* path : {"/embed//m/s", "/embed/m;x/s", "/embed/m%3f/s"}) {
    CAPTURE(path);
    CHECK(ambiguous(embed, path));
    CHECK_FALSE(ambiguous(forward, path));
  }
  for (const char* path : {"/embed/m/s", "/embed/m/s/a%20b/x.", "/embed/m/s/?x=../"}) {
    CAPTURE(path);
    CHECK_FALSE(ambiguous(embed, path));
  }
  CHECK_FALSE(ambiguous(rule_for({"/embed"}), "/embed/m%2fs"));
}

TEST_CASE("what a proof names must be the domain's") {
  const AccessPolicy policy = policy_of({rule_for({"/"})});
  const AccessRule& rule = *policy.find("GET", "/", HostClass::custom).rule;
  const TenantOfRequest tenant{"a-1", "s-1", "m-1", HostClass::custom};
  CHECK(judge(good("a-1"), rule, tenant) == AccessResult::granted);
  CHECK(judge(good("", "s-1"), rule, tenant) == AccessResult::granted);
  CHECK(judge(good("a-1", "s-1", "m-1"), rule, tenant) == AccessResult::granted);
  CHECK(judge(good("a-2"), rule, tenant) == AccessResult::wrong_tenant);
  CHECK(judge(good("a-1", "s-2"), rule, tenant) == AccessResult::wrong_tenant);
  CHECK(judge(good("a-2", "s-1"), rule, tenant) == AccessResult::wrong_tenant);
  CHECK(judge(good("a-1", "", "m-2"), rule, tenant) == AccessResult::wrong_tenant);
  CHECK(judge(good(""), rule, tenant) == AccessResult::wrong_tenant);
  CHECK(judge(good("", "", "m-1"), rule, tenant) == AccessResult::wrong_tenant);
  // A domain without an agency is nobody's.
  CHECK(judge(good("a-1"), rule, {"", "", "", HostClass::custom}) == AccessResult::wrong_tenant);
  CHECK(judge(good(""), rule, {"", "", "", HostClass::app}) == AccessResult::granted);
  CHECK(judge(good("a-1", "s-9"), rule, {"", "", "", HostClass::app}) == AccessResult::granted);
  auto loose = rule_for({"/"});
  loose.tenant = false;
  const AccessPolicy any = policy_of({loose});
  const AccessRule& open = *any.find("GET", "/", HostClass::custom).rule;
  CHECK(judge(good(""), open, tenant) == AccessResult::granted);
  CHECK(judge(good("a-2"), open, tenant) == AccessResult::wrong_tenant);
}

TEST_CASE("a token keeps what it is for, also where the host is nobody's") {
  TokenVerdict verdict;
  verdict.token.user = "u";
  verdict.token.agency = "a";
  verdict.token.site = "s";
  verdict.token.module = "m";
  const Proof proof = proof_of(verdict, {});
  const auto caller = caller_for(proof, {{}, {}, {}, HostClass::app});
  CHECK(caller->agency.empty());
  CHECK(caller->site.empty());
  CHECK(caller->bound_agency == "a");
  CHECK(caller->bound_site == "s");
  CHECK(caller->bound_module == "m");
}

TEST_CASE("scopes are exact, and * is all") {
  auto row = rule_for({"/"});
  row.scopes = {"read:contacts", "write"};
  const AccessPolicy policy = policy_of({row});
  const AccessRule& rule = *policy.find("GET", "/", HostClass::custom).rule;
  const TenantOfRequest tenant{"a", "", "", HostClass::custom};
  Proof p = good("a");
  CHECK(judge(p, rule, tenant) == AccessResult::scope);
  p.scopes = {"write", "read:*"};
  CHECK(judge(p, rule, tenant) == AccessResult::scope);
  p.scopes = {"write", "read:contacts"};
  CHECK(judge(p, rule, tenant) == AccessResult::granted);
  p.scopes = {"*"};
  CHECK(judge(p, rule, tenant) == AccessResult::granted);
  const AccessAnswer answer = answer_of(AccessResult::scope, &rule);
  CHECK(answer.status == 403);
  CHECK(answer.challenge == R"(Bearer error="insufficient_scope", scope="read:contacts write")");
}

TEST_CASE("a caller is bound to nobody but the domain's tenant") {
  const TenantOfRequest tenant{"a-1", "s-1", "m-1", HostClass::custom};
  const auto by_site = caller_for(good("", "s-1"), tenant);
  CHECK(by_site->agency == "a-1");
  CHECK(by_site->site == "s-1");
  const auto by_agency = caller_for(good("a-1"), tenant);
  CHECK(by_agency->agency == "a-1");
  CHECK(by_agency->site.empty());
  const auto on_app = caller_for(good("a-9", "s-9"), {"", "", "", HostClass::app});
  CHECK(on_app->agency.empty());
  CHECK(on_app->site.empty());
  CHECK(on_app->user == "u");
}

TEST_CASE("what clients are told") {
  for (int i = 0; i < static_cast<int>(AccessResult::count_); ++i) {
    const auto result = static_cast<AccessResult>(i);
    const AccessAnswer answer = answer_of(result, nullptr);
    CHECK_FALSE(name(result).empty());
    CHECK((answer.status == 0) == answer.body.empty());
    CHECK((answer.status == 401) <= answer.challenge.starts_with("Bearer"));
  }
  CHECK(answer_of(AccessResult::missing, nullptr).body ==
        R"({"error":"Unauthorized","code":"AUTH_REQUIRED"})");
}

TEST_CASE("where credentials stand") {
  CHECK(bearer_of("Bearer abc") == "abc");
  CHECK(bearer_of("bEARER  abc") == "abc");
  CHECK(bearer_of("Bearer").empty());
  CHECK(bearer_of("Bearer ").empty());
  CHECK(bearer_of("Basic abc").empty());
  CHECK(bearer_of("Bearerabc d").empty());
  CHECK(cookie_of("a=1; token=x.y.z; b=2", "token") == "x.y.z");
  CHECK(cookie_of("xtoken=1;token=\"q\"", "token") == "q");
  CHECK(cookie_of("token=1; token=2", "token") == "1");
  CHECK(cookie_of("tokens=1; token", "token").empty());
  CHECK(cookie_of("", "token").empty());
}

TEST_CASE("what anybody can make counts as wrong") {
  Proof p;
  const auto counts = [&p](AccessResult result) {
    p.result = result;
    return counts_as_wrong(p);
  };
  CHECK(counts(AccessResult::invalid));
  CHECK_FALSE(counts(AccessResult::expired));  // it was good once
  CHECK_FALSE(counts(AccessResult::granted));
  CHECK_FALSE(counts(AccessResult::unavailable));
  p.genuine = false;
  CHECK(counts(AccessResult::expired));
  CHECK_FALSE(counts(AccessResult::granted));
  CHECK_FALSE(counts(AccessResult::unavailable));
}

TEST_CASE("wrong proofs push out no good ones") {
  using std::chrono::milliseconds;
  ProofCache cache(8, milliseconds(60'000), milliseconds(5'000), 42);
  const ProofCache::Time t0{};
  const auto digest = [](std::uint8_t i) {
    Digest out{};
    out[0] = i;
    return out;
  };
  for (std::uint8_t i = 0; i < 8; ++i) cache.put(digest(i), good("x"), t0, 1000);
  for (std::uint8_t i = 100; i < 200; ++i) cache.put(digest(i), Proof{}, t0, 1000);
  for (std::uint8_t i = 0; i < 8; ++i) CHECK(cache.find(config::Credential::jwt, digest(i), t0));
  CHECK(cache.size() == 8 + 2);
  CHECK(cache.find(config::Credential::jwt, digest(199), t0));
  CHECK_FALSE(cache.find(config::Credential::jwt, digest(100), t0));
  // One that has changed is what it is now, and stands there once.
  cache.put(digest(3), Proof{}, t0, 1000);
  REQUIRE(cache.find(config::Credential::jwt, digest(3), t0));
  CHECK(cache.find(config::Credential::jwt, digest(3), t0)->proof.result == AccessResult::invalid);
  cache.put(digest(3), good("x"), t0, 1000);
  CHECK(cache.find(config::Credential::jwt, digest(3), t0)->proof.result == AccessResult::granted);
  CHECK(cache.size() == 8 + 1);
  cache.erase(digest(199));
  CHECK_FALSE(cache.find(config::Credential::jwt, digest(199), t0));
  cache.put(digest(100), Proof{}, t0, 1000);
  cache.clear();
  CHECK(cache.size() == 0);
}

TEST_CASE("proofs are remembered: bounded, for a while, never beyond their end") {
  using std::chrono::milliseconds;
  ProofCache cache(2, milliseconds(60'000), milliseconds(5'000), 42);
  const ProofCache::Time t0{};
  Digest a{}, b{}, c{};
  a[0] = 1;
  b[0] = 2;
  c[31] = 3;
  Proof p = good("x");
  cache.put(a, p, t0, 1000);
  CHECK(cache.find(config::Credential::jwt, a, t0 + milliseconds(59'999)));
  CHECK_FALSE(cache.find(config::Credential::jwt, a, t0 + milliseconds(60'000)));
  p.caller.expires_at = std::chrono::sys_seconds(std::chrono::seconds(1010));
  cache.put(a, p, t0, 1000);
  CHECK(cache.find(config::Credential::jwt, a, t0 + milliseconds(9'999)));
  CHECK_FALSE(cache.find(config::Credential::jwt, a, t0 + milliseconds(10'000)));
  p.caller.expires_at = std::chrono::sys_seconds(std::chrono::seconds(10));  // within the leeway
  cache.put(a, p, t0, 1000);
  CHECK_FALSE(cache.find(config::Credential::jwt, a, t0));
  Proof wrong;
  cache.put(b, wrong, t0, 1000);
  CHECK(cache.find(config::Credential::jwt, b, t0 + milliseconds(4'999)));
  CHECK_FALSE(cache.find(config::Credential::jwt, b, t0 + milliseconds(5'000)));
  wrong.fault = TokenFault::unknown_key;
  cache.put(b, wrong, t0, 1000);
  CHECK_FALSE(cache.find(config::Credential::jwt, b, t0));
  wrong = {};
  wrong.result = AccessResult::unavailable;
  cache.put(b, wrong, t0, 1000);
  CHECK_FALSE(cache.find(config::Credential::jwt, b, t0));
  cache.put(a, good("x"), t0, 1000);
  cache.put(b, good("x"), t0, 1000);
  CHECK(cache.find(config::Credential::jwt, a, t0));
  cache.put(c, good("x"), t0, 1000);
  CHECK(cache.size() == 2);
  CHECK_FALSE(cache.find(config::Credential::jwt, b, t0));
  CHECK_FALSE(cache.find(config::Credential::api_key, c, t0));
  cache.erase(c);
  CHECK_FALSE(cache.find(config::Credential::jwt, c, t0));
  CHECK(cache.size() == 1);
  cache.clear();
  CHECK(cache.size() == 0);
  cache.put(c, good("x"), t0, 1000);
  CHECK(cache.find(config::Credential::jwt, c, t0));
}
