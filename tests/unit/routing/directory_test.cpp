#include "routing/directory.hpp"

#include <doctest/doctest.h>

#include "routing/record_json.hpp"

using namespace marquee;
using namespace marquee::routing;

static base::Hostname host(std::string_view text) { return *base::parse_hostname(text).name; }

TEST_CASE("lookup keys: name, twin, wildcard parent, site label") {
  const LookupKeys bare = keys_of(host("shop.example"), "sites.platform.example");
  CHECK(bare.twin->text() == "www.shop.example");
  CHECK(bare.wildcard.empty());  // *.example is no wildcard
  CHECK(bare.site_label.empty());
  const LookupKeys www = keys_of(host("www.shop.example"), "");
  CHECK(www.twin->text() == "shop.example");
  CHECK(www.wildcard == "shop.example");
  const LookupKeys site = keys_of(host("bakery.sites.platform.example"), "sites.platform.example");
  CHECK(site.site_label == "bakery");
  CHECK(site.below_base);
  CHECK(site.wildcard.empty());
  CHECK(!site.twin);
  for (const char* other : {"a.b.sites.platform.example", "sites.platform.example"}) {
    const LookupKeys keys = keys_of(host(other), "sites.platform.example");
    CHECK(keys.site_label.empty());
    CHECK(keys.below_base);
  }
  CHECK(!keys_of(host("evilsites.platform.example"), "sites.platform.example").below_base);
  CHECK(keys_of(host("shop.localhost"), "").wildcard == "localhost");
  CHECK(keys_of(host("single"), "").wildcard.empty());
}

TEST_CASE("record: words of status columns") {
  CHECK(parse_domain_status("active") == DomainStatus::active);
  CHECK(parse_domain_status("Active") == DomainStatus::unknown);
  CHECK(parse_domain_status("") == DomainStatus::unknown);
  CHECK(parse_ssl_status("provisioning") == SslStatus::provisioning);
  CHECK(parse_ssl_status("verified") == SslStatus::unknown);
  for (int i = 0; i <= static_cast<int>(DomainStatus::unknown); ++i)
    CHECK(parse_domain_status(name(static_cast<DomainStatus>(i))) == static_cast<DomainStatus>(i));
  CHECK(bounded_state("Past_Due") == "past_due");
  CHECK(bounded_state("") == "");
  CHECK(bounded_state("a\nb") == "invalid");
  CHECK(bounded_state(std::string(33, 'a')) == "invalid");
}

TEST_CASE("record JSON: what is expected is taken, the rest named") {
  std::vector<std::string> faults;
  const DomainConfig config = read_config(
      R"({"redirect_to_https": false, "force_www": true, "enable_cdn": true, "maintenance": true, "cache_ttl": 60,
          "custom_headers": {"X-Frame-Options": "DENY"}, "unknown": [1, 2]})",
      faults);
  CHECK(faults.empty());
  CHECK(!config.redirect_to_https);
  CHECK(config.force_www == config::WwwRule::www);
  CHECK(config.enable_cdn);
  CHECK(config.maintenance);
  CHECK(config.cache_ttl == std::chrono::seconds(60));
  CHECK(config.custom_headers == config::Fields{{"X-Frame-Options", "DENY"}});
  CHECK(read_config("", faults) == DomainConfig{});
  CHECK(read_config("null", faults) == DomainConfig{});
  CHECK(read_config(R"({"force_www": null, "redirect_to_https": null})", faults) == DomainConfig{});
  CHECK(read_config(R"({"force_www": false})", faults).force_www == config::WwwRule::bare);
  CHECK(faults.empty());
}

TEST_CASE("record JSON: hostile values leave the default and a sentence") {
  const auto faulty = [](std::string_view text) {
    std::vector<std::string> faults;
    CHECK(read_config(text, faults) == DomainConfig{});
    return faults.empty() ? std::string() : faults.front();
  };
  CHECK(faulty("{") == "config is not valid JSON");
  CHECK(faulty("[1]") == "config is not an object");
  CHECK(faulty(R"({"redirect_to_https": "no"})") ==
        "config redirect_to_https is not true, false or null");
  CHECK(faulty(R"({"force_www": 1})") == "config force_www is not true, false or null");
  for (const char* ttl : {"-1", "86401", "1.5", "\"60\"", "1e300", "99999999999999999999"})
    CHECK(faulty(std::string(R"({"cache_ttl": )") + ttl + "}").starts_with("config cache_ttl"));
  for (const char* field : {"Set-Cookie", "location", "Strict-Transport-Security", "Content-Length",
                            "Connection", "X-Tenant-Agency-Id", "a b", "", "X\\r\\nY", "RateLimit",
                            "ratelimit-policy", "X-RateLimit-Remaining", "Retry-After"})
    CHECK(faulty(std::string(R"({"custom_headers": {")") + field + R"(": "x"}})")
              .ends_with(", which may not be set"));
  CHECK(faulty(R"({"custom_headers": {"location": "x"}})") ==
        "config custom_headers has the field \"location\", which may not be set");
  CHECK(!faulty(R"({"custom_headers": {"X-A": "a\r\nSet-Cookie: b"}})").empty());
  CHECK(!faulty(R"({"custom_headers": {"X-A": 5}})").empty());
  CHECK(faulty(std::string(kMostJson + 1, ' ')) == "config is larger than 64 KiB");
  CHECK(!faulty(std::string(1000, '[')).empty());
  std::vector<std::string> faults;
  std::string many = "{\"custom_headers\": {";
  for (int i = 0; i < 100; ++i) many += (i ? ",\"X-" : "\"X-") + std::to_string(i) + "\": \"v\"";
  CHECK(read_config(many + "}}", faults).custom_headers.size() == 32);
}

TEST_CASE("record JSON: white label") {
  std::vector<std::string> faults;
  const WhiteLabel label = read_white_label(
      R"({"logo_url": "https://cdn.example/l.png", "brand_name": "B\u00e4ckerei",
          "brand_colors": {"primary": "#112233"}, "hide_powered_by": true,
          "custom_css": "a {\n}"})",
      faults);
  CHECK(faults.empty());
  CHECK(label.brand_name ==
        "B\xc3\xa4"
        "ckerei");
  CHECK(label.primary_color == "#112233");
  CHECK(label.secondary_color.empty());
  CHECK(label.hide_powered_by);
  CHECK(label.custom_css == "a {\n}");
  CHECK(read_white_label(R"({"brand_name": "a\nb", "brand_colors": 7, "logo_url": {}})", faults) ==
        WhiteLabel{});
  CHECK(faults.size() == 3);
}
