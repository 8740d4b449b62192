#include "routing/check.hpp"

#include <doctest/doctest.h>

#include "routing/settings_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

static std::vector<std::string> faults(const config::Settings& settings) {
  std::vector<std::string> result;
  for (const auto& p : check(settings)) {
    result.push_back(std::to_string(p.mark.line) + ":" + std::to_string(p.mark.column) + ": " +
                     p.sentence);
  }
  return result;
}
using Faults = std::vector<std::string>;

static config::Settings with(std::vector<config::Domain> rows) {
  auto settings = sample_settings();
  settings.domains = std::move(rows);
  return settings;
}

TEST_CASE("check: settings without fault") {
  auto settings = with({sample_domain("shop.example", "a"), sample_domain("*.s.example", "b")});
  settings.hosts.app_hosts = {{"app.example", {}}};
  settings.hosts.app_upstream = {"app", {}};
  settings.hosts.sites_base = {"sites.example", {}};
  settings.hosts.sites_upstream = {"modules", {}};
  for (const char* host : {"www.shop.example", "x.s.example", "app.example", "y.sites.example"}) {
    settings.listeners.emplace_back().fallback = {host, {0, 2, 3}};
  }
  CHECK(faults(settings) == Faults{});
}

TEST_CASE("check: hosts that are no hostnames") {
  CHECK(faults(with({sample_domain("a..b", "a")})) ==
        Faults{"10:9: `a..b` has an empty label; write one dot between two labels"});
  CHECK(faults(with({sample_domain("192.0.2.1", "a")})) ==
        Faults{"10:9: `192.0.2.1` is an IP address; write a hostname"});
  CHECK(faults(with({sample_domain("Shop.example:443", "a")})) ==
        Faults{"10:9: `Shop.example:443` has a port; write `shop.example`, listeners decide about "
               "ports"});
  CHECK(faults(with({sample_domain("*.com", "a")})).size() == 1);
  CHECK(faults(with({sample_domain("shop.*.example", "a")})).size() == 1);
}

TEST_CASE("check: names taken twice") {
  CHECK(faults(with({sample_domain("a.example", "a", 10), sample_domain("A.example.", "b", 20)})) ==
        Faults{"20:9: `A.example.` is already named at marquee.yaml:10; remove one of the two"});
  CHECK(faults(with({sample_domain("*.a.example", "a", 10), sample_domain("*.A.example", "b", 20)}))
            .size() == 1);
  const Faults pair{
      "20:9: `www.a.example` is a pair with `a.example`, which is named at marquee.yaml:10; remove "
      "one of the two, or write `pair: false` in both"};
  CHECK(faults(with({sample_domain("a.example", "a", 10),
                     sample_domain("www.a.example", "b", 20)})) == pair);
  auto lone = sample_domain("a.example", "a", 10);
  lone.pair = false;
  CHECK(faults(with({lone, sample_domain("www.a.example", "b", 20)})) == pair);
  auto other = sample_domain("www.a.example", "b", 20);
  other.pair = false;
  CHECK(faults(with({lone, other})).empty());
}

TEST_CASE("check: force_www needs a pair") {
  auto wild = sample_domain("*.a.example", "a");
  wild.force_www = config::WwwRule::www;
  auto lone = sample_domain("b.example", "a");
  lone.pair = false;
  lone.force_www = config::WwwRule::bare;
  CHECK(faults(with({wild, lone})) ==
        Faults{"10:3: `force_www` of `*.a.example` needs both names of a pair; remove it, a "
               "wildcard has no pair",
               "10:3: `force_www` of `b.example` needs both names of a pair; remove it, or write "
               "`pair: true`"});
}

TEST_CASE("check: upstreams") {
  auto row = sample_domain("a.example", "a");
  row.upstream.value = "module";
  CHECK(faults(with({row})) ==
        Faults{"11:15: there is no upstream `module`; did you mean `modules`?"});
  row.upstream.value = "something-else";
  CHECK(faults(with({row})) ==
        Faults{"11:15: there is no upstream `something-else`; known are `modules`, `app`"});
  row.upstream.value = "";
  CHECK(faults(with({row})) ==
        Faults{"10:3: domain `a.example` has no upstream; name a pool of `upstreams`"});
}

TEST_CASE("check: ids") {
  auto row = sample_domain("a.example", "");
  row.installation = row.site = "";
  row.client = "two words";
  const Faults found = faults(with({row}));
  REQUIRE(found.size() == 3);
  CHECK(found[0] ==
        "10:3: `client` of domain `a.example` must be 1 to 128 printable ASCII characters without "
        "spaces, such as a UUID");
  CHECK(found[1].find("has no `agency`") != std::string::npos);
  CHECK(found[2].find("write `installation`") != std::string::npos);
}

TEST_CASE("check: path templates") {
  auto row = sample_domain("a.example", "a");
  row.path = {"/m/{instalation_id}{path}", {0, 30, 7}};
  const Faults found = faults(with({row}));
  REQUIRE(found.size() == 1);
  CHECK(
      found[0].starts_with("30:7: path template `/m/{instalation_id}{path}` of domain "
                           "`a.example` has no variable {instalation_id}; did you mean "
                           "{installation_id}?"));
  row.path->value = "/m/{installation_id}{path}";
  row.installation = "";
  CHECK(faults(with({row})) ==
        Faults{"30:7: the path template of domain `a.example` uses {installation_id}, but the "
               "domain has no `installation`; write one, or another `path`"});
  row.path.reset();
  auto settings = with({row});
  settings.hosts.custom_path = {"/m/{installation_id}{path}", {0, 2, 2}};
  CHECK(faults(settings).size() == 1);
  settings.hosts.custom_path.value = "m{path}";
  settings.hosts.sites_path = {"/s/{pth}", {0, 3, 3}};
  CHECK(faults(settings).size() == 2);
}

TEST_CASE("check: app hosts, sites base and fallbacks") {
  auto row = sample_domain("a.example", "a", 10);
  row.upstream.value = "nowhere";  // one fault must not make others
  auto settings = with({row, sample_domain("*.sites.example", "b", 20)});
  settings.hosts.mark = {0, 5, 1};
  settings.hosts.app_hosts = {{"www.a.example", {0, 6, 1}},
                              {"x.sites.example", {0, 7, 1}},
                              {"ok.example", {0, 8, 1}},
                              {"OK.example", {0, 9, 1}}};
  settings.hosts.sites_base = {"sites.example", {0, 11, 1}};
  settings.hosts.sites_upstream = {"appp", {0, 12, 1}};
  settings.hosts.sites_path = {"/s/{site_id}{path}", {0, 13, 1}};
  settings.listeners.emplace_back().fallback = {"a.example", {0, 2, 1}};
  settings.listeners.emplace_back().fallback = {"a.exmaple", {0, 3, 1}};
  CHECK(faults(settings) ==
        Faults{"11:15: there is no upstream `nowhere`; known are `modules`, `app`",
               "6:1: app host `www.a.example` is never reached, as the domain `a.example` takes "
               "it; remove it here, or the domain",
               "7:1: app host `x.sites.example` is never reached, as the domain `*.sites.example` "
               "takes it; remove it here, or the domain",
               "9:1: app host `OK.example` is already named at marquee.yaml:8; remove one of the "
               "two",
               "5:1: `hosts.app_hosts` has no upstream; name a pool of `upstreams`",
               "12:1: there is no upstream `appp`; did you mean `app`?",
               "11:1: sites below `sites.example` are never reached, as the domain "
               "`*.sites.example` at marquee.yaml:20 takes them; remove one of the two",
               "13:1: hosts.sites_path uses {site_id}, which no site below the base has; write "
               "{label} or {host}",
               "3:1: fallback `a.exmaple` is the name of no domain; did you mean `a.example`?"});
}
