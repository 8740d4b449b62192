#include <doctest/doctest.h>

#include "config/address.hpp"
#include "config/field_rules.hpp"
#include "config/substitute.hpp"
#include "config/text.hpp"
#include "fake_ports.hpp"

using namespace marquee::config;
using std::chrono::milliseconds;

TEST_CASE("sizes") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("16KiB") == 16384);
  CHECK(parse_size("1MiB") == 1u << 20);
  CHECK(parse_size("2GiB") == 2ull << 30);
  for (const char* bad :
       {"", "KiB", "16KB", "16kib", "16K", "16 KiB", "-1", "+1", "1.5KiB", "1e3", "0x10", " 1"}) {
    CHECK_MESSAGE(!parse_size(bad), bad);
  }
  CHECK(parse_size("18446744073709551616GiB") == 1ull << 62);
  CHECK(show_size(16384) == "16KiB");
  CHECK(show_size(8000) == "8000");
  CHECK(show_size(0) == "0");
}

TEST_CASE("durations") {
  CHECK(parse_duration("500ms") == milliseconds(500));
  CHECK(parse_duration("10s") == milliseconds(10'000));
  CHECK(parse_duration("5m") == milliseconds(300'000));
  CHECK(parse_duration("12h") == milliseconds(43'200'000));
  CHECK(parse_duration("1d") == milliseconds(86'400'000));
  CHECK(parse_duration("0") == milliseconds(0));
  for (const char* bad : {"", "10", "s", "1m30s", "10 s", "-1s", "1.5s", "10S", "10us"})
    CHECK_MESSAGE(!parse_duration(bad), bad);
  CHECK(show_duration(milliseconds(90'000)) == "90s");
  CHECK(show_duration(milliseconds(43'200'000)) == "12h");
  for (const std::uint64_t v : {1ull, 999ull, 60'000ull, 3'600'000ull, 172'800'000ull}) {
    CHECK(parse_duration(show_duration(milliseconds(v))) == milliseconds(v));
  }
}

TEST_CASE("values in messages are escaped and cut at a character") {
  CHECK(in_quotes("a\"b\\\n\x01") == R"("a\"b\\\n\x01")");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  const std::string shown = in_quotes(umlauts);
  CHECK(shown.size() < 100);
  CHECK(shown.substr(shown.size() - 6) == "\xc3\xa4...\"");
}

TEST_CASE("listen addresses") {
  std::string why;
  auto a = parse_listen_address("[2001:db8::1]:8443", why);
  REQUIRE(a);
  CHECK(a->is_v6);
  CHECK(a->host == "2001:db8::1");
  CHECK(a->port == 8443);
  a = parse_listen_address("127.0.0.1:0", why);
  REQUIRE(a);
  CHECK(a->port == 0);
  a = parse_listen_address("unix:/run/m.sock", why);
  REQUIRE(a);
  CHECK(a->path == "/run/m.sock");
  for (const char* bad : {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "[::1",
                          "[::1]8443", "[1.2.3.4]:80", "::1:80", "example.com:80",
                          "unix:", "unix:x", "unix:/", "unix:/a/", "01.2.3.4:80"}) {
    why.clear();
    CHECK_MESSAGE(!parse_listen_address(bad, why), bad);
    CHECK_MESSAGE(why.find("; write ") != std::string::npos, bad);
  }
}

TEST_CASE("endpoints") {
  std::string why;
  auto e = parse_endpoint("http://127.0.0.1:9000", why);
  REQUIRE(e);
  CHECK(e->kind == Endpoint::Kind::http);
  CHECK(e->port == 9000);
  e = parse_endpoint("https://app.example.com", why);
  REQUIRE(e);
  CHECK(e->host == "app.example.com");
  CHECK(e->port == 443);
  e = parse_endpoint("http://[::1]", why);
  REQUIRE(e);
  CHECK(e->host == "::1");
  CHECK(e->port == 80);
  for (const char* bad : {"", "http://", "https://", "http:///", "http://a:", "http://a:0",
                          "http://a:65536", "http://a:1:2", "HTTP://a", "http://a b", "http://.a",
                          "http://a..b", "http://[a]", "http://u@a", "http://a/", "unix:a"}) {
    why.clear();
    CHECK_MESSAGE(!parse_endpoint(bad, why), bad);
    CHECK_MESSAGE(why.find("; ") != std::string::npos, bad);
  }
}

TEST_CASE("networks") {
  std::string why;
  auto n = parse_network("10.0.0.0/8", why);
  REQUIRE(n);
  CHECK(n->prefix == 8);
  CHECK_FALSE(n->is_v6);
  n = parse_network("2001:db8::/33", why);
  REQUIRE(n);
  CHECK(n->prefix == 33);
  n = parse_network("192.0.2.7", why);
  REQUIRE(n);
  CHECK(n->prefix == 32);
  CHECK(parse_network("0.0.0.0/0", why));
  CHECK(parse_network("::/0", why));
  for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/31", "10.0.0.0/-1",
                          "2001:db8::1/127", "::/129", "10.0.0/8"}) {
    CHECK_MESSAGE(!parse_network(bad, why), bad);
  }
}

TEST_CASE("substitution") {
  const FixedEnvironment environment({{"A", "one"}, {"EMPTY", ""}, {"LOOP", "${A}"}});
  CHECK(substitute("x${A}y${A}", environment).text == "xoneyone");
  CHECK(substitute("${B:-two}${EMPTY:-three}", environment).text == "twothree");
  CHECK(substitute("${EMPTY}", environment).text.empty());
  CHECK(substitute("$${A} $A $", environment).text == "${A} $A $");
  CHECK(substitute("${LOOP}", environment).text ==
        "${A}");  // what comes from outside is not read again
  CHECK(substitute("${B:-}", environment).complaint.empty());
  CHECK_FALSE(substitute("plain", environment).changed);
  for (const char* bad : {"${B}", "${", "${}", "${A", "${1}", "${A B}", "${A-x}"}) {
    CHECK_MESSAGE(!substitute(bad, environment).complaint.empty(), bad);
  }
  const FixedEnvironment large({{"L", std::string(40'000, 'x')}});
  CHECK_FALSE(substitute("${L}${L}", large).complaint.empty());
}

TEST_CASE("fields that an operator may not touch, however they are written") {
  for (const char* name : {"Connection",
                           "keep-alive",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "Proxy-Connection",
                           "Transfer-Encoding",
                           "content-length",
                           "Content_Length",
                           "HOST",
                           "Forwarded",
                           "X-Forwarded-Proto",
                           "x_forwarded_for",
                           "X-Tenant-Agency-Id",
                           "X_Tenant_Id",
                           "X-Site-Id",
                           "X-Module-Id",
                           "X-Site-Module-Installation-Id",
                           "X-Custom-Domain",
                           "X-Domain-Id",
                           "X-White-Label",
                           "X-Request-Start",
                           "X-Real-IP",
                           "Proxy",
                           "",
                           "a b",
                           "a:b",
                           "a\r\n",
                           "\xc3\xa4"}) {
    CHECK_MESSAGE(!field_name_fault(name).empty(), name);
  }
  for (const char* name : {"X-Frame-Options", "Server", "cookie", "X-Tenants", "~!#$%&'*+-.^_`|"}) {
    CHECK_MESSAGE(field_name_fault(name).empty(), name);
  }
  // More about the tenant may be said to upstreams, but not in Marquee's own words.
  for (const char* name : {"X-Tenant-Id", "x-tenant-plan", "X-TENANT-REGION"}) {
    CHECK_MESSAGE(field_name_fault(name, FieldTarget::upstream).empty(), name);
    CHECK_MESSAGE(!field_name_fault(name).empty(), name);
  }
  for (const char* name :
       {"X-Tenant-Agency-Id", "x-tenant-client-id", "x-tenant-site-id", "x_tenant_user_id",
        "x-tenant-role", "X-Tenant-Context", "x-tenant-", "X-Site-Id", "X-Forwarded-For"}) {
    CHECK_MESSAGE(!field_name_fault(name, FieldTarget::upstream).empty(), name);
  }
  CHECK(field_value_fault("max-age=1; x=\"y\"\t\xe4").empty());
  CHECK(field_value_fault("").empty());
  CHECK_FALSE(field_value_fault("a\nb").empty());
  CHECK_FALSE(field_value_fault(std::string("a\0b", 3)).empty());
  CHECK_FALSE(field_value_fault("a ").empty());
  CHECK_FALSE(field_value_fault(std::string(8193, 'a')).empty());
}
