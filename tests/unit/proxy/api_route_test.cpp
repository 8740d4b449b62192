#include "proxy/policy/api_route.hpp"

#include <doctest/doctest.h>

using namespace marquee;
using namespace marquee::proxy::policy;

namespace {

identity::ApiRoute route(std::string method, std::string path, bool auth = false,
                         std::vector<std::string> scopes = {}, bool active = true) {
  identity::ApiRoute out;
  out.id = method + " " + path;
  out.path = std::move(path);
  out.method = std::move(method);
  out.requires_auth = auth;
  out.scopes = std::move(scopes);
  out.active = active;
  return out;
}

identity::Caller caller(std::string user, bool scoped = false,
                        std::vector<std::string> scopes = {}) {
  identity::Caller out;
  out.user = std::move(user);
  out.scoped = scoped;
  out.scopes = std::move(scopes);
  return out;
}

}  // namespace

TEST_CASE("API routes: segments and parameters") {
  CHECK(matches("/contacts", "/contacts"));
  CHECK(matches("/contacts/:id", "/contacts/1"));
  CHECK(matches("/:a/:b", "/x/y"));
  CHECK(matches("/", "/"));
  for (const auto& [pattern, path] : {std::pair{"/contacts", "/contacts/1"},
                                      {"/contacts/:id", "/contacts"},
                                      {"/contacts/:id", "/contacts/1/notes"},
                                      {"/contacts", "/Contacts"},
                                      {"contacts", "/contacts"},
                                      {"/contacts/:", "/contacts/x"},
                                      {"", "/"},
                                      {"/contacts/:id", "/contacts/"}}) {
    CAPTURE(pattern);
    CAPTURE(path);
    CHECK_FALSE(matches(pattern, path));
  }
}

TEST_CASE("API routes: which one, by which method") {
  const std::vector<identity::ApiRoute> routes{
      route("GET", "/contacts/:id"), route("GET", "/contacts/new"), route("POST", "/contacts"),
      route("DELETE", "/contacts/:id", false, {}, false), route("PATCH", "/:kind/new")};
  const auto judge = [&](std::string_view method, std::string_view path) {
    return judge_api(routes, method, path, nullptr);
  };
  CHECK(judge("GET", "/contacts/7").route->path == "/contacts/:id");
  CHECK(judge("GET", "/contacts/new").route->path == "/contacts/new");
  CHECK(judge("HEAD", "/contacts/7").verdict == ApiVerdict::served);
  CHECK(judge("GET", "/nothing").verdict == ApiVerdict::no_route);
  const auto wrong = judge("DELETE", "/contacts/7");
  CHECK(wrong.verdict == ApiVerdict::method);
  CHECK(wrong.allow == "GET");
  CHECK(judge("GET", "/contacts").allow == "POST");
  CHECK(judge_api({}, "GET", "/x", nullptr).verdict == ApiVerdict::open);
}

TEST_CASE("API routes: who may") {
  const std::vector<identity::ApiRoute> routes{route("GET", "/open"), route("GET", "/own", true),
                                               route("GET", "/read", true, {"read:contacts"}),
                                               route("GET", "/scoped", false, {"write"})};
  const auto judge = [&](std::string_view path, const identity::Caller* who) {
    return judge_api(routes, "GET", path, who).verdict;
  };
  const auto user = caller("u"), reader = caller("", true, {"read:*"}),
             token = caller("u", true, {"read"}), none = caller("", true);
  CHECK(judge("/open", nullptr) == ApiVerdict::served);
  CHECK(judge("/own", nullptr) == ApiVerdict::login);
  CHECK(judge("/scoped", nullptr) == ApiVerdict::login);
  CHECK(judge("/own", &none) == ApiVerdict::served);
  CHECK(judge("/read", &user) == ApiVerdict::served);
  CHECK(judge("/read", &reader) == ApiVerdict::served);
  CHECK(judge("/read", &token) == ApiVerdict::scope);
  CHECK(judge("/read", &none) == ApiVerdict::scope);
  CHECK(judge("/scoped", &reader) == ApiVerdict::scope);
}

TEST_CASE("API routes: what another server takes for a stricter one") {
  const std::vector<identity::ApiRoute> routes{
      route("GET", "/:id"), route("GET", "/secret", true, {"read:x"}),
      route("GET", "/open/:id", true), route("GET", "/open/page"), route("POST", "/post", true)};
  const auto judge = [&](std::string_view path, bool escaped = false,
                         const identity::Caller* who = nullptr) {
    return judge_api(routes, "GET", path, who, escaped);
  };
  for (const char* path :
       {"/secret", "/SECRET", "/Secret", "/secret.", "/secret ", "/secret;x", "/ secret. ."}) {
    CAPTURE(path);
    CHECK(judge(path).verdict == ApiVerdict::login);
    CHECK(judge(path).guarded);
  }
  CHECK(judge("/other").verdict == ApiVerdict::served);
  CHECK_FALSE(judge("/other").guarded);
  CHECK(judge("/POST").verdict == ApiVerdict::served);
  const auto token = caller("u", true, {"write"}), reader = caller("u", true, {"read:*"});
  CHECK(judge("/SECRET", false, &token).verdict == ApiVerdict::scope);
  CHECK(judge("/SECRET", false, &reader).verdict == ApiVerdict::served);
  CHECK(judge("/SECRET", false, &reader).route->path == "/:id");
  // The better one decides, but where a server may compare what was escaped.
  CHECK(judge("/open/page").verdict == ApiVerdict::served);
  CHECK(judge("/open/page", true).verdict == ApiVerdict::login);
  CHECK(judge("/open/PAGE").verdict == ApiVerdict::login);
  CHECK_FALSE(matches_loosely("/a", "/b"));
  CHECK_FALSE(matches_loosely("/a", "/a/b"));
}

TEST_CASE("API routes: scopes") {
  const auto holds = [](std::vector<std::string> held, std::string_view wanted) {
    return covers_scope(held, wanted);
  };
  CHECK(holds({"*"}, "write"));
  CHECK(holds({"admin"}, "write"));
  CHECK(holds({"read:*"}, "read:contacts"));
  CHECK(holds({"read:*"}, "read"));
  CHECK_FALSE(holds({"read"}, "read:contacts"));
  CHECK_FALSE(holds({"read:*"}, "readers"));
  CHECK_FALSE(holds({"read:contacts"}, "read"));
  CHECK_FALSE(holds({}, "read"));
}
