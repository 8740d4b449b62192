#include "store/yaml_directory.hpp"

#include <doctest/doctest.h>

#include "directory_rig.hpp"

using namespace marquee;
using namespace marquee::store;
using AnswerStatus = routing::DirectoryAnswer::Status;

namespace {

config::Domain row(const std::string& host, const std::string& agency,
                   const std::string& installation) {
  config::Domain out;
  out.host.value = host;
  out.agency = agency;
  out.installation = installation;
  out.site = "s1";
  return out;
}

config::Settings settings() {
  config::Settings out;
  out.files = {"marquee.yaml"};
  out.domains = {row("Shop.example", "a1", "i1"), row("*.wild.example", "a1", "i2"),
                 row("blog.example", "a2", ""), row("a..b", "a1", "i3")};
  out.domains[2].enabled = false;
  out.domains[0].force_www = config::WwwRule::www;
  return out;
}

}  // namespace

TEST_CASE("the settings' domains answer as a directory does") {
  YamlDirectory directory(settings());
  const auto shop = ask(directory, "shop.example");
  REQUIRE(shop.rows.size() == 1);
  CHECK(shop.status == AnswerStatus::found);
  CHECK(shop.rows[0]->kind == routing::RecordKind::module_domain);
  CHECK(shop.rows[0]->status == routing::DomainStatus::active);
  CHECK(shop.rows[0]->proven);
  CHECK(shop.rows[0]->agency.text() == "a1");
  CHECK(shop.rows[0]->config.force_www == config::WwwRule::www);
  CHECK(ask(directory, "www.shop.example").rows.size() == 1);
  CHECK(ask(directory, "x.wild.example").rows.at(0)->wildcard);
  CHECK(ask(directory, "x.y.wild.example").status == AnswerStatus::absent);
  CHECK(ask(directory, "nobody.example").status == AnswerStatus::absent);
  const auto blog = ask(directory, "blog.example");
  CHECK(blog.rows.at(0)->kind == routing::RecordKind::site_domain);
  CHECK(blog.rows.at(0)->status == routing::DomainStatus::disabled);
  CHECK(certificate(directory, "shop.example").status ==
        routing::StoredCertificate::Status::absent);
  CHECK(generation(directory) == 0u);
}

TEST_CASE("the settings' domains are listed in pages, with filters") {
  YamlDirectory directory(settings());
  routing::ListQuery query;
  query.limit = 2;
  const auto first = list(directory, query);
  REQUIRE(first.ok);
  CHECK(first.rows.size() == 2);
  query.cursor = first.next;
  const auto second = list(directory, query);
  CHECK(second.rows.size() == 1);
  CHECK(second.next.empty());
  routing::ListQuery filter;
  filter.agency = "a2";
  CHECK(list(directory, filter).rows.size() == 1);
  filter = {};
  filter.contains = "WILD";
  CHECK(list(directory, filter).rows.size() == 1);
  const auto found = [&directory](auto set) {
    routing::ListQuery narrow;
    set(narrow);
    return list(directory, narrow).rows.size();
  };
  CHECK(found([](auto& q) { q.prefix = "SHOP."; }) == 1);
  CHECK(found([](auto& q) { q.prefix = "hop"; }) == 0);
  CHECK(found([](auto& q) { q.name = "*.wild.example"; }) == 1);
  CHECK(found([](auto& q) { q.row = "blog.example"; }) == 1);
  CHECK(found([](auto& q) { q.client = "c9"; }) == 0);
  filter = {};
  filter.cursor = "nonsense";
  CHECK_FALSE(list(directory, filter).ok);
  const auto page = names(directory, "", 2);
  CHECK(page.names == std::vector<std::string>{"shop.example", "*.wild.example"});
  CHECK(names(directory, page.next, 2).names == std::vector<std::string>{"blog.example"});
  Ear ear;
  directory.subscribe(&ear);
  CHECK(ear.wait_live());
}
