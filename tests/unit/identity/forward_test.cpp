// Forward authentication: what is asked, what an answer is worth, how long it holds.
#include "identity/forward.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "identity/issuers.hpp"

using namespace marquee;
using namespace marquee::identity;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

config::ForwardAuth row() {
  config::ForwardAuth out;
  out.name = "sso";
  out.upstream = {"auth", {}};
  out.path = "/verify";
  out.copy_to_upstream = {"Remote-User", "Remote-Groups"};
  out.user_field = "Remote-User";
  out.role_field = "Remote-Role";
  out.ttl = seconds(30);
  return out;
}

Forward made(const config::ForwardAuth& from = row()) {
  config::Access access;
  access.forward = {from};
  return make_forwards(access).front();
}

ForwardQuestion question() {
  ForwardQuestion q;
  q.scheme = "https";
  q.host = "shop.test";
  q.method = "GET";
  q.target = "/a?b";
  q.client = "192.0.2.1";
  q.agency = "agency";
  q.site = "site";
  q.module = "module";
  q.installation = "installation";
  q.fields = {{"Cookie", "sid=1"}, {"Authorization", "x"}};
  return q;
}

}  // namespace

TEST_CASE("a question's digest depends on all that was sent") {
  Sha256 sha256;
  const Forward forward = made();
  const Digest first = digest_of(forward, question(), sha256);
  CHECK(first == digest_of(forward, question(), sha256));
  using Change = std::function<void(ForwardQuestion&)>;
  const std::vector<Change> changes{
      [](auto& q) { q.scheme = "http"; },
      [](auto& q) { q.host = "shop.test:1"; },
      [](auto& q) { q.method = "POST"; },
      [](auto& q) { q.target = "/a"; },
      [](auto& q) { q.target = "/a?"; },
      [](auto& q) { q.target = "/a?c"; },
      [](auto& q) { q.target = "/b?b"; },
      [](auto& q) { q.client = "192.0.2.2"; },
      [](auto& q) { q.agency = "other"; },
      [](auto& q) { q.site = "other"; },
      [](auto& q) { q.module = "other"; },
      [](auto& q) { q.installation = "other"; },
      // Parts that move from one place to the next are other parts.
      [](auto& q) { q.agency = "agencysite", q.site = ""; },
      [](auto& q) { q.host = "shop", q.scheme = "https.test"; },
      [](auto& q) { q.fields.pop_back(); },
      [](auto& q) { q.fields.clear(); },
      [](auto& q) { std::swap(q.fields[0], q.fields[1]); },
      [](auto& q) { q.fields[0].second = "sid=2"; },
      [](auto& q) {
        q.fields[0] = {"Cookiesid=1", ""};
      },
      [](auto& q) {
        q.fields = {{"cookie", "sid=113:authorization1:x"}};
      },
      [](auto& q) {
        q.fields.push_back({"", ""});
      },
  };
  std::set<Digest> all{first};
  for (const Change& change : changes) {
    ForwardQuestion q = question();
    change(q);
    CHECK(all.insert(digest_of(forward, q, sha256)).second);
  }
  config::ForwardAuth other = row();
  other.name = "other";
  CHECK(all.insert(digest_of(made(other), question(), sha256)).second);
}

TEST_CASE("parts of the key may be left out, host, tenant and fields never") {
  Sha256 sha256;
  config::ForwardAuth few = row();
  few.key.clear();
  const Forward forward = made(few);
  const Digest first = digest_of(forward, question(), sha256);
  ForwardQuestion q = question();
  q.method = "POST";
  q.target = "/other?x";
  q.client = "198.51.100.1";
  CHECK(digest_of(forward, q, sha256) == first);
  q.host = "clinic.test";
  CHECK(digest_of(forward, q, sha256) != first);
  q = question();
  q.agency = "other";
  CHECK(digest_of(forward, q, sha256) != first);
  q = question();
  q.fields[0].second = "sid=2";
  CHECK(digest_of(forward, q, sha256) != first);
  few.key = {"path"};
  q = question();
  q.target = "/a?other";
  CHECK(digest_of(made(few), q, sha256) == digest_of(made(few), question(), sha256));
  q.target = "/b?b";
  CHECK(digest_of(made(few), q, sha256) != digest_of(made(few), question(), sha256));
}

TEST_CASE("which status means what") {
  for (unsigned status = 0; status < 1000; ++status) {
    const ForwardVerdict verdict = verdict_of(status);
    if (status >= 200 && status < 300)
      CHECK(verdict == ForwardVerdict::passes);
    else if (status == 401 || status == 403 || (status >= 301 && status <= 303) || status == 307 ||
             status == 308)
      CHECK(verdict == ForwardVerdict::refused);
    else
      CHECK(verdict == ForwardVerdict::unusable);
  }
}

TEST_CASE("what a request gets that passes") {
  Sha256 sha256;
  const FieldList answer{{"Remote-User", "alice"}, {"remote-groups", "a"}, {"Remote-Groups", "b"},
                         {"Remote-Role", "admin"}, {"Date", "today"},      {"Set-Cookie", "s=1"},
                         {"X-Internal", "secret"}};
  auto pass = pass_of(made(), answer, sha256);
  REQUIRE(pass);
  CHECK(pass->fields ==
        FieldList{{"Remote-User", "alice"}, {"remote-groups", "a"}, {"Remote-Groups", "b"}});
  CHECK(pass->cookies == FieldList{{"Set-Cookie", "s=1"}});
  CHECK(pass->life == milliseconds(0));
  CHECK(pass->caller.user == "alice");
  CHECK(pass->caller.auth == AuthType::forward);
  CHECK(pass->caller.role == "admin");
  CHECK(pass->caller.agency.empty());

  config::ForwardAuth mute = row();
  mute.copy_to_client.clear();
  mute.user_field.clear();
  pass = pass_of(made(mute), answer, sha256);
  REQUIRE(pass);
  CHECK(pass->cookies.empty());
  CHECK(pass->caller.user.empty());
  CHECK(pass->caller.role.empty());
  CHECK(pass->life == seconds(30));
}

TEST_CASE("a user that cannot be believed, and more than there is room for") {
  Sha256 sha256;
  const auto good = [&](const FieldList& answer) {
    return pass_of(made(), answer, sha256).has_value();
  };
  CHECK(good({}));
  CHECK(good({{"Remote-User", ""}}));
  CHECK(good({{"Remote-User", std::string(128, 'u')}}));
  CHECK_FALSE(good({{"Remote-User", std::string(129, 'u')}}));
  for (const char* bad : {"a b", "a,b", "a\"b", "a\\b", "\xc3\xa9", "a\tb"})
    CHECK_FALSE(good({{"Remote-User", bad}}));
  CHECK_FALSE(good({{"Remote-User", "a"}, {"REMOTE-USER", "a"}}));
  CHECK_FALSE(good({{"Remote-User", "a"}, {"Remote_User", "b"}}));
  CHECK_FALSE(good({{"Remote-User", "a"}, {"Remote-Role", "x y"}}));
  CHECK(good({{"Remote-Groups", std::string(kMostForwardBytes - 13, 'g')}}));
  CHECK_FALSE(good({{"Remote-Groups", std::string(kMostForwardBytes - 12, 'g')}}));
  CHECK(good(FieldList(kMostForwardFields, {"Remote-Groups", "g"})));
  CHECK_FALSE(good(FieldList(kMostForwardFields + 1, {"Remote-Groups", "g"})));
  CHECK(good(FieldList(kMostForwardCookies, {"Set-Cookie", "a=b"})));
  CHECK_FALSE(good(FieldList(kMostForwardCookies + 1, {"Set-Cookie", "a=b"})));
  // A role is somebody's.
  const auto nobody = pass_of(made(), {{"Remote-Role", "admin"}}, sha256);
  REQUIRE(nobody);
  CHECK(nobody->caller.role.empty());
}

TEST_CASE("an answer may shorten how long it is remembered, never lengthen it") {
  Sha256 sha256;
  const auto life = [&](const char* control) {
    const auto pass = pass_of(made(), {{"Cache-Control", control}}, sha256);
    REQUIRE(pass);
    return pass->life.count();
  };
  CHECK(life("") == 30'000);
  CHECK(life("private, max-age=10") == 10'000);
  CHECK(life("max-age=3600") == 30'000);
  CHECK(life("MAX-AGE=0") == 0);
  CHECK(life("no-store") == 0);
  CHECK(life("private , No-Cache=\"x\"") == 0);
  CHECK(life("max-age=99999999999999999999") == 30'000);
  CHECK(life("max-age=1x") == 0);
  CHECK(life("max-age=") == 0);
  CHECK(life("max-age=-1") == 0);
  CHECK(life(",,;,public") == 30'000);
  const auto two =
      pass_of(made(), {{"Cache-Control", "max-age=20"}, {"cache-control", "max-age=5"}}, sha256);
  REQUIRE(two);
  CHECK(two->life == seconds(5));
}

TEST_CASE("what goes to the client with a refusal") {
  config::ForwardAuth r = row();
  r.copy_to_client = {"Location", "Set-Cookie", "Content-Type"};
  const FieldList answer{{"location", "/in"}, {"Set-Cookie", "a=b"},        {"X-Internal", "1"},
                         {"Server", "x"},     {"Content-Type", "text/css"}, {"Remote-User", "a"}};
  CHECK(refusal_fields(made(r), answer) == FieldList{{"location", "/in"}, {"Set-Cookie", "a=b"}});
  r.copy_to_client.clear();
  CHECK(refusal_fields(made(r), answer) == FieldList{});
  CHECK_FALSE(refusal_fields(made(), FieldList(kMostForwardFields + 1, {"Location", "/"})));
  CHECK_FALSE(refusal_fields(made(), {{"Location", std::string(kMostForwardBytes, 'x')}}));
}

TEST_CASE("names that only servers may say") {
  config::ForwardAuth a = row();
  a.copy_to_upstream = {"Remote-User", "AUTHORIZATION", "Cookie", "X-Groups"};
  config::ForwardAuth b = row();
  b.copy_to_upstream = {"x-groups"};
  b.user_field = "X-Who";
  config::Access access;
  access.forward = {a, b};
  CHECK(names_of_servers(make_forwards(access)) ==
        std::vector<std::string>{"remote-user", "x-groups", "remote-role", "x-who"});
  CHECK(is_same_field("Remote_User", "remote-user"));
  CHECK(is_same_field("REMOTE-USER", "remote-user"));
  CHECK_FALSE(is_same_field("Remote-Users", "remote-user"));
  CHECK_FALSE(is_same_field("RemoteUser", "remote-user"));
}

TEST_CASE("twins of what a server judged") {
  config::ForwardAuth from = row();
  from.request_fields = {"Authorization", "X-Kind", "x_both", "X-Both", "X_Under"};
  const Forward forward = made(from);
  for (const char* twin : {"x_kind", "X_KIND", "X-under", "x-under"})
    CHECK_MESSAGE(is_twin_of_judged(forward, twin), twin);
  for (const char* other : {"x-kind", "X-KIND", "X_Both", "x-both", "x_under", "authorization",
                            "xkind", "x_kinds", "x_other", ""})
    CHECK_FALSE_MESSAGE(is_twin_of_judged(forward, other), other);
}

TEST_CASE("a host as servers are told it") {
  CHECK(said_host("shop.test", -1, 443, true) == "shop.test");
  CHECK(said_host("shop.test", 443, 443, true) == "shop.test");
  CHECK(said_host("shop.test", 80, 80, false) == "shop.test");
  CHECK(said_host("shop.test", 80, 443, true) == "shop.test");
  CHECK(said_host("shop.test", -1, 8443, true) == "shop.test");
  CHECK(said_host("shop.test", 443, 8443, true) == "shop.test");
  CHECK(said_host("shop.test", 8444, 8443, true) == "shop.test");
  CHECK(said_host("shop.test", 8443, 8443, true) == "shop.test:8443");
  CHECK(said_host("[::1]", 8080, 8080, false) == "[::1]:8080");
}

TEST_CASE("settings of forward authentication that contradict each other") {
  config::Settings s;
  s.upstreams.emplace_back().name = "auth";
  s.access.forward = {row()};
  config::AccessRule rule;
  rule.paths = {"/admin"};
  rule.forward = {"sso", {}};
  s.access.rules = {rule};
  CHECK(check_access(s).empty());
  const auto says = [&](std::string_view part) {
    const auto problems = check_access(s);
    return problems.size() == 1 && problems[0].sentence.find(part) != std::string::npos;
  };
  s.access.rules[0].optional = true;
  CHECK(says("optional"));
  s.access.rules[0].optional = false;
  s.access.rules[0].scopes = {"read"};
  CHECK(says("scopes"));
  s.access.rules[0].scopes.clear();
  s.access.forward[0].upstream = {"auht", {}};
  CHECK(says("did you mean"));
  s.access.forward[0].upstream = {"auth", {}};
  s.access.forward[0].user_field.clear();
  CHECK(says("role_field"));
  s.access.forward[0].role_field.clear();
  CHECK(check_access(s).empty());
  s.access.forward.push_back(s.access.forward[0]);
  s.access.forward[1].name = "unused";
  CHECK(says("is asked by no rule"));
  s.access.forward.pop_back();
  s.access.rules[0].forward = {"other", {}};
  CHECK(check_access(s).size() == 2);  // nobody's, and then sso is asked by none
}

TEST_CASE("a pass is found again by what its request showed") {
  Sha256 sha256;
  const auto marks = [&](ForwardQuestion q, const Forward& forward) {
    const ShownCredentials shown = credentials_of(forward, q, sha256);
    CHECK_FALSE(shown.any);
    return std::multiset<std::uint64_t>(shown.marks.begin(), shown.marks.end());
  };
  const auto of = [&](std::initializer_list<std::string_view> texts) {
    std::multiset<std::uint64_t> out;
    for (const auto text : texts) out.insert(mark_of(sha256.of(text)));
    return out;
  };
  ForwardQuestion q = question();
  q.target = "/a";
  CHECK(marks(q, made()) == of({"sid=1", "1", "x"}));
  q.fields = {{"authorization", "Bearer  a.b.c"}, {"X-Key", "k"}, {"X-Empty", ""}};
  CHECK(marks(q, made()) == of({"Bearer  a.b.c", "a.b.c", "k"}));
  q.fields = {{"Cookie", "a=1;b=\"2\"; c=x=;; d=; e"}};
  CHECK(marks(q, made()) == of({"a=1;b=\"2\"; c=x=;; d=; e", "1", "\"2\"", "2", "x="}));
  q.fields.clear();
  q.target = "/a?t=1&u=&=2&v=%31?";
  CHECK(marks(q, made()) == of({"1", "2", "%31?"}));
  // A parameter that is not part of the key decides nothing.
  config::ForwardAuth from = row();
  from.key = {"path"};
  CHECK(marks(q, made(from)).empty());
}

TEST_CASE("of a request that shows very much any credential is meant") {
  Sha256 sha256;
  ForwardQuestion q = question();
  q.target = "/";
  q.fields = {};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i <= kMostMarks; ++i) texts.push_back("k" + std::to_string(i));
  for (std::size_t i = 0; i < kMostMarks; ++i) q.fields.emplace_back("X-Key", texts[i]);
  CHECK_FALSE(credentials_of(made(), q, sha256).any);
  q.fields.emplace_back("X-Key", texts.back());
  const ShownCredentials shown = credentials_of(made(), q, sha256);
  CHECK(shown.any);
  CHECK(shown.marks.size() == kMostMarks);
}
