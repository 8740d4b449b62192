#include "admin/domain_query.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <set>

#include "admin/access_resource.hpp"
#include "admin/certificate_resource.hpp"
#include "admin/domain_resource.hpp"
#include "admin/embedded.hpp"
#include "admin/inspect_resource.hpp"
#include "admin/limit_resource.hpp"
#include "admin/status_resource.hpp"

using namespace marquee;
using namespace marquee::admin;

TEST_CASE("cursors come back as they were, and nothing else is one") {
  for (const Cursor& cursor :
       {Cursor{DomainSource::settings, "12"}, Cursor{DomainSource::directory, ""},
        Cursor{DomainSource::directory, "0:6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01"}}) {
    const std::string text = show_cursor(cursor);
    CHECK(text.find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    CHECK(parse_cursor(text) == cursor);
  }
  for (const std::string& bad :
       {std::string(), std::string("!"), std::string("eA"), std::string(600, 'c')})
    CHECK_FALSE(parse_cursor(bad));
}

TEST_CASE("the query of a list") {
  const auto got = parse_list_request(
      "limit=7&agency=a1&client=c1&host=*.Shop.example&status=active&source=directory");
  REQUIRE(std::holds_alternative<ListRequest>(got));
  const auto& wanted = std::get<ListRequest>(got);
  CHECK(wanted.query.limit == 7);
  CHECK(wanted.query.agency == "a1");
  CHECK(wanted.query.client == "c1");
  CHECK(wanted.query.name == "*.shop.example");
  CHECK(wanted.query.status == routing::DomainStatus::active);
  CHECK(wanted.source == DomainSource::directory);
  CHECK(std::get<ListRequest>(parse_list_request("contains=a%2Db&")).query.contains == "a-b");
  for (const char* bad : {"limit=0", "limit=01x", "limit=1001", "limit=", "site=", "a=b",
                          "contains=", "contains=%0a", "contains=a+b", "limit=1&limit=1", "kind=x",
                          "host=x..y", "host=x.y:80", "cursor=", "agency=%zz"})
    CHECK_MESSAGE(std::holds_alternative<Problem>(parse_list_request(bad)), bad);
}

TEST_CASE("paths find their routes") {
  const auto none = [](const Request&, const Respond&) {};
  const std::vector<Route> routes = {{"GET", "/a", none},
                                     {"POST", "/a", none},
                                     {"GET", "/a/{id}", none},
                                     {"PATCH", "/a/{id}/b", none}};
  CHECK(find_route(routes, "GET", "/a").route == &routes[0]);
  CHECK(find_route(routes, "HEAD", "/a").route == &routes[0]);
  CHECK(find_route(routes, "POST", "/a").route == &routes[1]);
  CHECK(find_route(routes, "DELETE", "/a").allow == "GET, HEAD, POST");
  CHECK(find_route(routes, "GET", "/a/x%2Fy").id == "x/y");
  CHECK(find_route(routes, "PATCH", "/a/x/b").id == "x");
  for (const char* path : {"/", "/b", "/a/", "/a/x/y", "/a/%zz", "/a/%00"}) {
    CHECK(find_route(routes, "GET", path).route == nullptr);
    CHECK(find_route(routes, "GET", path).allow.empty());
  }
  CHECK(percent_encoded("settings:*.a/b") == "settings%3A%2A.a%2Fb");
}

namespace {

struct NoCertificates final : CertificatePort {
  void list(const CertificateQuery&, std::function<void(CertificatePage)>) override {}
  void show(const std::string&, bool, std::function<void(CertificateAnswer)>) override {}
  void import(const std::string&, std::string, std::string,
              std::function<void(CertificateAnswer)>) override {}
  void remove(const std::string&, bool, std::function<void(CertificateAnswer)>) override {}
};

struct NoLimits final : LimitPort {
  LimitsStatus limits() override { return {}; }
  void look(LimitKey, std::function<void(LimitKeyState)>) override {}
  void reset(LimitKey, std::function<void(LimitKeyState)>) override {}
};

struct Nothing final : StatusSource {
  Status status() override { return {}; }
  std::vector<base::MetricSnapshot> metrics() override { return {}; }
  bool ready() override { return true; }
  void reload(std::function<void(ReloadResult)>) override {}
};

}  // namespace

TEST_CASE("every route is described, and every described one is a route") {
  Nothing source;
  NoCertificates certificates;
  NoLimits limits;
  std::set<std::string> served, described;
  for (const auto& routes :
       {status_routes(source), domain_routes({}), inspect_routes({}),
        certificate_routes(certificates), limit_routes(limits), access_routes({})})
    for (const Route& route : routes)
      served.insert(std::string(route.method) + " " + std::string(route.path));
  REQUIRE(embedded_files().size() == 1);
  const auto document = boost::json::parse(std::string(embedded_files()[0].text));
  for (const auto& path : document.at("paths").as_object())
    for (const auto& operation : path.value().as_object()) {
      std::string method(operation.key());
      for (char& c : method) c = static_cast<char>(c - 32);
      described.insert(method + " " + std::string(path.key()));
    }
  CHECK(served == described);
}
