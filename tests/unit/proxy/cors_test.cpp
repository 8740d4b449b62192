#include "proxy/policy/cors.hpp"

#include <doctest/doctest.h>

#include "proxy/answer_rules.hpp"
#include "proxy/policy/module_path.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::policy;

namespace {

OriginVerdict judge(std::vector<std::string_view> origins,
                    const std::vector<identity::AllowedOrigin>& rows) {
  return judge_origin(origins, "shop.test", true, rows);
}

}  // namespace

TEST_CASE("origins: tuple origins only") {
  CHECK(parse_origin("https://a.example"));
  CHECK(parse_origin("https://a.example:8443")->port == "8443");
  for (const char* text :
       {"null", "", "https://", "https://A.example", "https://a.example/", "https://u@a.example",
        "https://a.example:", "https://a.example:x", "https://a.example:123456", "ftp://a.example",
        "https://a.example https://b.example", "https://a..b", "//a.example", "HTTPS://a.example",
        "https://a.example.", "https://1.2.3.4/x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_origin(text));
  }
}

TEST_CASE("origins: names and wildcards") {
  CHECK(covers("a.example", "a.example"));
  CHECK(covers("A.Example", "a.example"));
  CHECK_FALSE(covers("a.example", "x.a.example"));
  CHECK(covers("*.a.example", "a.example"));
  CHECK(covers("*.a.example", "x.y.a.example"));
  CHECK_FALSE(covers("*.a.example", "xa.example"));
  CHECK_FALSE(covers("*.a.example", "a.example.evil.com"));
  for (const char* pattern : {"*", "*.com", "*.co.uk", "*.com.br", "*.github.io", "*.*.example",
                              "a.*.example", "https://a.example", "a.example:443", "", "null"}) {
    CAPTURE(pattern);
    CHECK_FALSE(covers(pattern, "victim.co.uk"));
    CHECK_FALSE(covers(pattern, "victim.com"));
    CHECK_FALSE(covers(pattern, "victim.github.io"));
    CHECK_FALSE(covers(pattern, "a.example"));
  }
  CHECK(covers("*.shop.co.uk", "x.shop.co.uk"));
}

TEST_CASE("origins: only https, on its own port, with allow_api") {
  const std::vector<identity::AllowedOrigin> rows{{"a.example", true, false},
                                                  {"embed.example", false, true}};
  CHECK(judge({}, rows) == OriginVerdict::none);
  CHECK(judge({"https://a.example"}, rows) == OriginVerdict::allowed);
  CHECK(judge({"https://shop.test"}, rows) == OriginVerdict::same_origin);
  CHECK(judge({"http://shop.test"}, rows) == OriginVerdict::refused);
  for (const char* origin : {"http://a.example", "https://a.example:8443", "https://b.example",
                             "https://embed.example", "null", "garbage"}) {
    CAPTURE(origin);
    CHECK(judge({origin}, rows) == OriginVerdict::refused);
  }
  CHECK(judge({"https://a.example", "https://a.example"}, rows) == OriginVerdict::refused);
}

TEST_CASE("frames: itself and verified origins that may embed") {
  CHECK(frame_ancestors({}) == "'self'");
  const std::vector<identity::AllowedOrigin> rows{{"a.example", true, true},
                                                  {"api.example", true, false},
                                                  {"*.b.example", false, true},
                                                  {"evil.example; script-src *", true, true},
                                                  {"*.com", true, true}};
  CHECK(frame_ancestors(rows) == "'self' https://a.example https://*.b.example https://b.example");
  const std::vector<identity::AllowedOrigin> many(1000, {"a.example", true, true});
  CHECK(frame_ancestors(many).size() <= 4096);
}

namespace {

struct Head {
  http::ResponseHead head;
  Additions additions;
  Arena arena;
  Head& with(std::string_view name, std::string_view value) {
    head.fields.push({name, value, http::identify(name)});
    return *this;
  }
  std::vector<std::string> all(std::string_view name) {
    std::vector<std::string> out;
    for (const http::Field& f : head.fields)
      if (!f.dropped && http::iequals(f.name, name)) out.emplace_back(f.value);
    for (const AddedField& f : additions.fields())
      if (http::iequals(f.name, name)) out.emplace_back(f.value);
    return out;
  }
  void vary() { vary_on("Origin", head.fields, additions, arena); }
  void frames(std::string_view who) { set_frame_ancestors(who, head.fields, additions, arena); }
};

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("Vary is merged, not doubled") {
  Head none;
  none.vary();
  CHECK(none.all("vary") == List{"Origin"});
  Head other;
  other.with("Vary", "Accept-Encoding").vary();
  CHECK(other.all("vary") == List{"Accept-Encoding, Origin"});
  Head there;
  there.with("vary", "Accept, ORIGIN ").vary();
  CHECK(there.all("vary") == List{"Accept, ORIGIN "});
  Head star;
  star.with("Vary", "*").vary();
  CHECK(star.all("vary") == List{"*"});
  Head two;
  two.with("Vary", "A").with("Vary", "B").vary();
  CHECK(two.all("vary") == List{"A", "B, Origin"});
  Head empty;
  empty.with("Vary", "").vary();
  CHECK(empty.all("vary") == List{"", "Origin"});
}

TEST_CASE("frame-ancestors: one that holds, and the rest of the policy as it was") {
  Head h;
  h.with("Content-Security-Policy", "default-src 'self'; Frame-Ancestors *; img-src *")
      .with("X-Frame-Options", "DENY")
      .frames("'self' https://a.example");
  CHECK(h.all("content-security-policy") ==
        List{"default-src 'self'; img-src *", "frame-ancestors 'self' https://a.example"});
  CHECK(h.all("x-frame-options").empty());

  Head alone;
  alone.with("content-security-policy", "frame-ancestors *").frames("'self'");
  CHECK(alone.all("content-security-policy") == List{"frame-ancestors 'self'"});
  CHECK(alone.all("x-frame-options") == List{"SAMEORIGIN"});

  Head two;
  two.with("Content-Security-Policy",
           "frame-ancestors *, script-src 'self';frame-ancestors x , a b")
      .frames("'self'");
  CHECK(two.all("content-security-policy") ==
        List{"script-src 'self', a b", "frame-ancestors 'self'"});

  Head untouched;
  untouched.with("Content-Security-Policy", "default-src  'self' ;; x").frames("'self'");
  CHECK(untouched.all("content-security-policy") ==
        List{"default-src  'self' ;; x", "frame-ancestors 'self'"});
}

TEST_CASE("which module of which site") {
  const auto custom = module_of("/page", {false, "m", "s"});
  CHECK(custom.module == "m");
  CHECK(custom.site == "s");
  CHECK_FALSE(custom.api);
  const auto api = module_of("/api/modules/m/api/contacts/1?x=1", {false, "m", "s"});
  CHECK(api.api);
  CHECK(api.path == "/contacts/1");
  const auto app = module_of("/api/modules/m/api?site_id=s2", {true, "", ""});
  CHECK(app.module == "m");
  CHECK(app.site == "s2");
  CHECK(app.path == "/");
  CHECK(module_of("/api/modules/m/domains", {true, "", ""}).path.empty());
  CHECK(module_of("/api/modules/m/api/x?site_id=a&site_id=b", {true, "", ""}).site.empty());
  CHECK(module_of("/other", {true, "", ""}).module.empty());
  CHECK(module_of("/api/modules/x/../m/api", {true, "", ""}).module.empty());
  CHECK(module_of("/api/modules;x/m/domains", {true, "", ""}).module == "m");
  const auto site = module_of("/api/modules/m/api/x", {false, "", "s"});
  CHECK(site.module == "m");
  CHECK(site.site == "s");
}

TEST_CASE("no spelling of a module's API is taken for none") {
  for (const char* target :
       {"/api/modules/m/API/x",      "/api/modules/m/Api/x",      "/API/modules/m/api/x",
        "/api/Modules/m/api/x",      "/api/modules;x/m/api/x",    "/api;x/modules/m/api/x",
        "/api/modules/m/api;x/x",    "/api/modules/m/api%3b/x",   "/api/modules/m/api%3f/x",
        "/api/modules/m/api./x",     "/api/modules/m./api/x",     "/api./modules/m/api/x",
        "/api/modules/m;x/api/x",    "/api/modules/%6d/api/x",    "/%61pi/modules/m/api/x",
        "/api/modules/m%2fapi%2fx",  "/api%5cmodules/m/api/x",    "/api/modules/m%2fn/api/x",
        "//api/modules/m/api/x",     "/api//modules/m/api/x",     "/api/modules/m//api/x",
        "/api/modules/m/api//x",     "/api/modules/m/api/./x",    "/api/modules/m/api/x;y",
        "/api/modules/m/api/x%3fy",  "/api/modules/m/api/x%23",   "/api/modules/m/api/x%2fy",
        "/api/modules/m/api/x/../y", "/x/../api/modules/m/api/x", "/api/modules/m/api/%2e%2e/x",
        "/%C0%AFapi/modules/m/api",  "/api/modules/m/api/x%00",   "/api/modules/m/api/x%09",
        "/api/modules/m/api/%2561",  "/api/modules//api/x",       "/any/..;/other"}) {
    CAPTURE(target);
    for (const bool app : {false, true}) {
      const auto route = module_of(target, {app, app ? "" : "m", app ? "" : "s"});
      CHECK(route.unclear);
      CHECK(route.path.empty());
    }
  }
  for (const char* target :
       {"/api/modules/m/domains", "/page;x", "/apis/modules/m/api", "/api;x"}) {
    CAPTURE(target);
    CHECK_FALSE(module_of(target, {true, "", ""}).unclear);
  }
  CHECK(module_of("/api/modules/other/api/x", {false, "m", "s"}).unclear);
  CHECK_FALSE(module_of("/api/modules/M/api/x", {false, "m", "s"}).unclear);
  const auto spaces = module_of("/api/modules/m/api/a%20b/c.", {true, "", ""});
  CHECK_FALSE(spaces.unclear);
  CHECK(spaces.path == "/a b/c.");
  CHECK(spaces.escaped);
  CHECK_FALSE(module_of("/api/modules/m/api/a", {true, "", ""}).escaped);
}
