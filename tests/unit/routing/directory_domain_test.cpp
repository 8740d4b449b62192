#include "routing/directory_domain.hpp"

#include <doctest/doctest.h>

#include "routing/record_sample.hpp"
#include "routing/settings_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

namespace {

DirectoryRules rules() {
  return {sample_policy(),
          {"modules", "/module-render/{installation_id}{path}"},
          {"app", "/site/{host}{path}"},
          {"app", "/site/{label}{path}"},
          "sites.platform.example"};
}

std::shared_ptr<const Domain> made(std::string_view host, DomainRecord record,
                                   const DirectoryRules& r = rules()) {
  return make_domain(sample_settings(), r,
                     resolve(keys_of(sample_host(host), r.sites_base),
                             sample_answer(std::move(record)), r.states));
}

std::string target(const Domain& domain, std::string_view host, std::string_view path) {
  char out[256];
  return std::string(domain.path.expand(host, path, out).target);
}

}  // namespace

TEST_CASE("directory domain: a module's") {
  DomainRecord row = sample_record("shop.example");
  row.config.force_www = config::WwwRule::bare;
  row.config.redirect_to_https = false;
  row.config.custom_headers = {{"X-Frame-Options", "DENY"}};
  const auto domain = made("www.shop.example", row);
  REQUIRE(domain);
  CHECK(domain->pair);
  CHECK(domain->www.text() == "www.shop.example");
  CHECK(www_redirect(*domain, "www.shop.example") == "shop.example");
  CHECK(!domain->redirect_to_https);
  CHECK(domain->agency.text() == "a1");
  CHECK(domain->domain_id.text() == "d-shop.example");
  CHECK(domain->upstream == "modules");
  CHECK(target(*domain, "www.shop.example", "/a?b=c") == "/module-render/i1/a?b=c");
  CHECK(domain->response_fields.set == row.config.custom_headers);
  CHECK(domain->certificate_source == CertificateSource::internal);
  CHECK(domain->scope == "a1 shop.example");
  row.certificate = {true, "v1", {}};
  CHECK(made("shop.example", row)->certificate_source == CertificateSource::directory);
}

TEST_CASE("directory domain: a site is known by the name in its row") {
  const auto domain =
      made("shop.example", sample_record("www.shop.example", RecordKind::site_domain));
  REQUIRE(domain);
  CHECK(domain->upstream == "app");
  CHECK(target(*domain, "shop.example", "/a") == "/site/www.shop.example/a");
  const auto below =
      made("bakery.sites.platform.example",
           sample_record("bakery.sites.platform.example", RecordKind::site_subdomain));
  REQUIRE(below);
  CHECK(!below->pair);
  CHECK(target(*below, "bakery.sites.platform.example", "/a") == "/site/bakery/a");
}

TEST_CASE("directory domain: a redirect needs no upstream") {
  DirectoryRules nowhere = rules();
  nowhere.modules.upstream.clear();
  nowhere.sites.upstream.clear();
  CHECK(!made("shop.example", sample_record("shop.example"), nowhere));
  const auto keys = keys_of(sample_host("old.example"), "");
  const auto domain =
      make_domain(sample_settings(), nowhere,
                  resolve(keys,
                          sample_answer(sample_redirect("old.example", "shop.example"),
                                        sample_record("shop.example")),
                          nowhere.states));
  REQUIRE(domain);
  CHECK(domain->redirect->host.text() == "shop.example");
}

TEST_CASE("directory domain: states, and paths that lack an id") {
  DomainRecord row = sample_record("shop.example");
  row.agency_status = "suspended";
  CHECK(made("shop.example", row)->state == DomainState::agency_suspended);
  CHECK(made("shop.example", row)->enabled);
  row.status = DomainStatus::disabled;
  // Its page is shown on https, too, so that the handshake is not refused.
  CHECK(made("shop.example", row)->state == DomainState::disabled);
  CHECK(made("shop.example", row)->enabled);
  row = sample_record("shop.example");
  row.installation = {};
  CHECK(!made("shop.example", row));
  DirectoryRules wrong = rules();
  wrong.modules.upstream = "gone";
  CHECK(!made("shop.example", sample_record("shop.example"), wrong));
}
