#include "routing/host_table.hpp"

#include <doctest/doctest.h>

#include "routing/settings_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

static config::Settings full_settings() {
  auto settings = sample_settings();
  settings.domains.push_back(sample_domain("*.sites.example.com", "wild"));
  settings.domains.push_back(sample_domain("Shop.Example.com.", "shop"));
  settings.domains.push_back(sample_domain("www.bakery.example", "bakery"));
  auto lone = sample_domain("lone.example", "lone");
  lone.pair = false;
  settings.domains.push_back(lone);
  settings.domains.push_back(sample_domain("one.sites.example.com", "one"));
  settings.hosts.app_hosts = {{"app.platform.example", {}}, {"admin.sites.example.com", {}}};
  settings.hosts.app_upstream = {"app", {}};
  settings.hosts.sites_base = {"sites.platform.example", {}};
  settings.hosts.sites_upstream = {"modules", {}};
  return settings;
}

static std::string found(const HostTable& table, std::string_view host) {
  const Match m = table.lookup(host);
  CHECK((m.domain == nullptr) == (m.kind == MatchKind::none));
  if (!m) return "none";
  return std::string(name(m.kind)) + " " + m.domain->host.string();
}

TEST_CASE("host table: exact, pair, wildcard, app, site, none") {
  const HostTable table(full_settings());
  CHECK(found(table, "shop.example.com") == "exact shop.example.com");
  CHECK(found(table, "www.shop.example.com") == "pair shop.example.com");
  CHECK(found(table, "www.bakery.example") == "exact www.bakery.example");
  CHECK(found(table, "bakery.example") == "pair www.bakery.example");
  CHECK(found(table, "lone.example") == "exact lone.example");
  CHECK(found(table, "www.lone.example") == "none");
  CHECK(found(table, "two.sites.example.com") == "wildcard sites.example.com");
  CHECK(found(table, "a.two.sites.example.com") == "none");
  CHECK(found(table, "sites.example.com") == "none");
  CHECK(found(table, "one.sites.example.com") == "exact one.sites.example.com");
  CHECK(found(table, "www.one.sites.example.com") == "pair one.sites.example.com");
  CHECK(found(table, "admin.sites.example.com") == "wildcard sites.example.com");
  CHECK(found(table, "app.platform.example") == "app app.platform.example");
  CHECK(found(table, "acme.sites.platform.example") == "site sites.platform.example");
  CHECK(found(table, "x.acme.sites.platform.example") == "none");
  CHECK(found(table, "sites.platform.example") == "none");
  CHECK(found(table, "localhost") == "none");
  CHECK(found(table, "") == "none");
  CHECK(found(table, "192.0.2.1") == "none");
  CHECK(found(HostTable(), "shop.example.com") == "none");
}

TEST_CASE("host table: an exact row beats the pair of another, in either order") {
  for (const bool swap : {false, true}) {
    auto settings = sample_settings();
    settings.domains = {sample_domain("shop.example", "a"), sample_domain("www.shop.example", "b")};
    if (swap) std::swap(settings.domains[0], settings.domains[1]);
    const HostTable table(settings);
    CHECK(found(table, "shop.example") == "exact shop.example");
    CHECK(found(table, "www.shop.example") == "exact www.shop.example");
  }
}

TEST_CASE("host table: a pair's name beats a wildcard, a disabled domain is found") {
  auto settings = sample_settings();
  auto row = sample_domain("example.com", "a");
  row.enabled = false;
  settings.domains = {sample_domain("*.example.com", "b"), row};
  const HostTable table(settings);
  CHECK(found(table, "www.example.com") == "pair example.com");
  CHECK_FALSE(table.lookup("example.com").domain->enabled);
  CHECK(found(table, "x.example.com") == "wildcard example.com");
}

TEST_CASE("host table: faulty rows are left out, the first of two counts") {
  auto settings = sample_settings();
  settings.domains = {sample_domain("a..b", "x"), sample_domain("192.0.2.1", "x"),
                      sample_domain("a.example", "first"), sample_domain("A.example", "second"),
                      sample_domain("b.example", "x")};
  settings.domains.back().upstream.value = "nowhere";
  const HostTable table(settings);
  CHECK(table.lookup("a.example").domain->agency.text() == "first");
  CHECK(found(table, "b.example") == "none");
}

TEST_CASE("domain: what is built from a row") {
  auto settings = full_settings();
  settings.domains[1].path = {"/module-render/{installation_id}{path}", {}};
  config::CertificateFiles files;
  files.cert_file = "c.pem";
  files.key_file = "k.pem";
  settings.domains[1].certificates.push_back(files);
  const HostTable table(settings);
  const Domain& shop = *table.lookup("shop.example.com").domain;
  char out[64];
  CHECK(shop.path.expand("shop.example.com", "/x?y", out).target == "/module-render/inst-1/x?y");
  CHECK(shop.installation.text() == "inst-1");
  CHECK(shop.upstream == "app");
  CHECK(shop.upstream_index == 1);
  CHECK(shop.certificate_source == CertificateSource::files);
  CHECK(shop.bare.text() == "shop.example.com");
  CHECK(shop.www.text() == "www.shop.example.com");
  const Domain& site = *table.lookup("acme.sites.platform.example").domain;
  CHECK(site.upstream_index == 0);
  CHECK(site.path.expand("acme.sites.platform.example", "/x", out).target == "/site/acme/x");
  CHECK(table.lookup("app.platform.example").domain->path.is_identity());
  CHECK(table.domains().size() == 8);
}

TEST_CASE("domain: outlives its table when pinned") {
  std::shared_ptr<const Domain> pinned;
  {
    const HostTable table(full_settings());
    pinned = table.lookup("shop.example.com").domain->shared_from_this();
  }
  CHECK(pinned->host.text() == "shop.example.com");
  CHECK(pinned.use_count() == 1);
}

TEST_CASE("domain: TLS scope keeps tenants, wildcards and sites apart") {
  const HostTable table(full_settings());
  const auto scope = [&](std::string_view host) {
    return tls_scope(*table.lookup(host).domain, host);
  };
  CHECK(scope("shop.example.com") == "shop shop.example.com");
  CHECK(scope("www.shop.example.com") == scope("shop.example.com"));
  CHECK(scope("www.bakery.example") == "bakery bakery.example");
  CHECK(scope("a.sites.example.com") == "wild *.sites.example.com");
  CHECK(scope("a.sites.platform.example") != scope("b.sites.platform.example"));
  CHECK(scope("app.platform.example") == " app app.platform.example");
}

TEST_CASE("domain: same agency, same name or pair") {
  auto settings = full_settings();
  settings.domains[3].agency = "shop";
  const HostTable table(settings);
  const auto at = [&](std::string_view host) { return table.lookup(host); };
  const auto agency = [&](std::string_view a, std::string_view b) {
    return same_agency(*at(a).domain, *at(b).domain);
  };
  CHECK(agency("shop.example.com", "lone.example"));
  CHECK_FALSE(agency("shop.example.com", "bakery.example"));
  CHECK_FALSE(agency("a.sites.platform.example", "b.sites.platform.example"));
  CHECK_FALSE(agency("app.platform.example", "app.platform.example"));
  const auto same = [&](std::string_view a, std::string_view b) {
    return same_name_or_pair(at(a), a, at(b), b);
  };
  CHECK(same("shop.example.com", "www.shop.example.com"));
  CHECK(same("a.sites.platform.example", "a.sites.platform.example"));
  CHECK_FALSE(same("a.sites.platform.example", "b.sites.platform.example"));
  CHECK_FALSE(same("a.sites.example.com", "b.sites.example.com"));
  CHECK_FALSE(same("shop.example.com", "lone.example"));
  CHECK_FALSE(same("nobody.example", "noone.example"));
}

TEST_CASE("domain: www redirect") {
  auto settings = sample_settings();
  for (const auto rule : {config::WwwRule::either, config::WwwRule::www, config::WwwRule::bare}) {
    settings.domains.push_back(
        sample_domain("d" + std::to_string(settings.domains.size()) + ".example", "a"));
    settings.domains.back().force_www = rule;
  }
  auto lone = sample_domain("lone.example", "a");
  lone.pair = false;
  lone.force_www = config::WwwRule::www;
  settings.domains.push_back(lone);
  const HostTable table(settings);
  const auto target = [&](std::string_view host) {
    return www_redirect(*table.lookup(host).domain, host);
  };
  CHECK(target("d0.example").empty());
  CHECK(target("www.d0.example").empty());
  CHECK(target("d1.example") == "www.d1.example");
  CHECK(target("www.d1.example").empty());
  CHECK(target("d2.example").empty());
  CHECK(target("www.d2.example") == "d2.example");
  CHECK(target("lone.example").empty());
}
