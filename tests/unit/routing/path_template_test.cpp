#include "routing/path_template.hpp"

#include <doctest/doctest.h>

using namespace marquee::routing;

static PathTemplate compile(std::string_view text) {
  auto compiled = PathTemplate::compile(text);
  REQUIRE_MESSAGE(compiled.path_template, compiled.error);
  return *compiled.path_template;
}
static std::string error(std::string_view text) { return PathTemplate::compile(text).error; }
static std::string expand(const PathTemplate& t, std::string_view target) {
  char out[256];
  const Expanded e = t.expand("shop.sites.example.com", target, out);
  return e.status == Expansion::ok ? std::string(e.target) : "refused";
}
static const TemplateIds kIds{"inst-1", "mod", "site", "client", "agency"};

TEST_CASE("path template: the three of the platform") {
  CHECK(expand(compile("/module-render/{installation_id}{path}").bound(kIds), "/menu") ==
        "/module-render/inst-1/menu");
  CHECK(expand(compile("/site/{host}{path}"), "/") == "/site/shop.sites.example.com/");
  CHECK(expand(compile("/site/{label}{path}"), "/a/b") == "/site/shop/a/b");
  CHECK(compile("{path}").is_identity());
  CHECK_FALSE(compile("/x{path}").is_identity());
}

TEST_CASE("path template: the query is kept, byte for byte") {
  CHECK(expand(compile("/site/{label}{path}"), "/a?x=1&y=/../?z") == "/site/shop/a?x=1&y=/../?z");
  CHECK(expand(compile("/fixed"), "/a?x=1") == "/fixed?x=1");
  CHECK(expand(compile("{path}"), "/a?") == "/a?");
  CHECK(expand(compile("/s{path}/end"), "/a?q") == "/s/a/end?q");
}

TEST_CASE("path template: every id, encoded where a path needs it") {
  const auto t = compile("/{installation_id}/{module_id}/{site_id}/{client_id}/{agency_id}{path}");
  CHECK(expand(t.bound(kIds), "/x") == "/inst-1/mod/site/client/agency/x");
  CHECK(t.uses(Variable::client_id));
  CHECK_FALSE(t.bound(kIds).uses(Variable::client_id));
  CHECK(expand(compile("/m/{installation_id}{path}").bound({"a/..?#%", "", "", "", ""}), "/x") ==
        "/m/a%2F..%3F%23%25/x");
}

TEST_CASE("path template: a path may not climb out of its prefix") {
  const auto t = compile("/module-render/{installation_id}{path}").bound(kIds);
  for (const char* bad :
       {"/..", "/../other", "/a/../../other", "/%2e%2e/other", "/.%2E/x", "/..%2fother", "/..%5Cx",
        "/..\\x", "/a%2f../x", "/a\\..", "/..;a=b/x", "/..?q"}) {
    CHECK_MESSAGE(expand(t, bad) == "refused", std::string(bad));
  }
  for (const char* good : {"/a..b", "/...", "/..a", "/a..", "/.well-known/x", "/./a", "/%2e",
                           "/a.b/c..d?e=/../f", "/%2", "/%"}) {
    CHECK_MESSAGE(expand(t, good) == "/module-render/inst-1" + std::string(good),
                  std::string(good));
  }
  CHECK(expand(compile("{path}"), "/../x") == "/../x");  // no prefix to leave
}

TEST_CASE("path template: targets that have no path, and small buffers") {
  const auto t = compile("/site/{label}{path}");
  char out[32];
  CHECK(t.expand("a.example", "*", out).status == Expansion::not_origin_form);
  CHECK(t.expand("a.example", "", out).status == Expansion::not_origin_form);
  CHECK(t.expand("a.example", "/1?q=2", std::span(out, 13)).target == "/site/a/1?q=2");
  for (std::size_t n = 0; n < 13; ++n) {
    CHECK(t.expand("a.example", "/1?q=2", std::span(out, n)).status == Expansion::too_small);
  }
}

TEST_CASE("path template: errors say what to write") {
  CHECK(error("/x/{instalation_id}{path}") ==
        "has no variable {instalation_id}; did you mean {installation_id}? Known are "
        "{installation_id}, {module_id}, {site_id}, {client_id}, {agency_id}, {host}, {label}, "
        "{path}");
  CHECK(error("/x/{zzzzzzzzz}").starts_with("has no variable {zzzzzzzzz}; known are {inst"));
  CHECK(error("/x/{}") != "");
  CHECK(error("/x/{path}").find("slash before {path}") != std::string::npos);
  CHECK(error("{path}{path}").find("twice") != std::string::npos);
  CHECK(error("/x?a={host}").find("query") != std::string::npos);
  CHECK(error("/a b").find("%XX") != std::string::npos);
  CHECK(error("/a%2").find("%XX") != std::string::npos);
  CHECK(error("/a%20b").empty());
  for (const char* bad : {"/{path", "/path}", "/{{path}}", "/{a{path}"}) {
    CHECK_MESSAGE(error(bad).find("brace") != std::string::npos, std::string(bad));
  }
  for (const char* bad : {"", "site{path}", "{host}{path}"}) {
    CHECK_MESSAGE(error(bad).find("must begin with /") != std::string::npos, std::string(bad));
  }
  CHECK(error("/a/../b{path}").find("..") != std::string::npos);
}
