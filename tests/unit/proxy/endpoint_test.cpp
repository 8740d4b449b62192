#include "proxy/upstream/endpoint.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace marquee::proxy;

namespace {
Endpoint good(std::string_view text) {
  CAPTURE(text);
  const EndpointResult r = parse_endpoint(text);
  INFO(r.error);
  REQUIRE(r.endpoint.has_value());
  CHECK(r.error.empty());
  return *r.endpoint;
}
}  // namespace

TEST_CASE("endpoint: every form, in normal form") {
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"http://app:3000", "http://app:3000"},
      {"http://App.Example.COM.:80", "http://app.example.com:80"},
      {"https://app.example.com", "https://app.example.com:443"},
      {"https://app.example.com:8443", "https://app.example.com:8443"},
      {"http://127.0.0.1:1", "http://127.0.0.1:1"},
      {"http://[::1]:65535", "http://[::1]:65535"},
      {"https://[2001:DB8:0:0:0:0:0:1]", "https://[2001:db8::1]:443"},
      {"http://my_app.internal:80", "http://my_app.internal:80"},
      {"http://3com:80", "http://3com:80"},
      {"unix:/run/app.sock", "unix:/run/app.sock"},
      {"unix:/" + std::string(106, 'a'), "unix:/" + std::string(106, 'a')},
  };
  for (const auto& [text, normal] : forms) {
    const Endpoint e = good(text);
    CHECK(e.text() == normal);
    CHECK(good(e.text()) == e);  // the normal form is a fixed point
  }
  CHECK(good("http://[::1]:80").ip_literal);
  CHECK_FALSE(good("http://[::1]:80").uses_dns());
  CHECK(good("http://a:80").uses_dns());
  CHECK_FALSE(good("unix:/a").uses_dns());
  CHECK(good("https://a").uses_tls());
  CHECK(good("http://a:80").authority() == "a");
  CHECK(good("https://a:80").authority() == "a:80");
  CHECK(good("https://[::1]").authority() == "[::1]");
  CHECK(good("unix:/a").authority() == "localhost");
}

TEST_CASE("endpoint: what is refused, and that the message quotes it") {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "must begin with"},
      {"app:3000", "must begin with"},
      {"HTTP://app:80", "must begin with"},
      {"ftp://app:80", "must begin with"},
      {"http://app", "write http://app:80"},
      {"http://app:", "valid port"},
      {"http://app:0", "valid port"},
      {"http://app:65536", "valid port"},
      {"http://app:000080", "valid port"},
      {"http://app:+80", "valid port"},
      {"http://app:80/", "must end after"},
      {"http://app:80?x", "must end after"},
      {"http://app:80#x", "must end after"},
      {"http://user:pw@app:80", "user or password"},
      {"http://:80", "valid host"},
      {"http://.:80", "valid host"},
      {"http://a..b:80", "valid host"},
      {"http://-a:80", "valid host"},
      {"http://a b:80", "valid host"},
      {"http://b\xC3\xBC.example:80", "xn--"},
      {"http://1.2.3:80", "valid host"},
      {"http://1.2.3.256:80", "valid host"},
      {"http://" + std::string(64, 'a') + ":80", "valid host"},
      {"http://2001:db8::1:80", "brackets"},
      {"http://[2001:db8::1:80", "brackets"},
      {"http://[fe80::1%eth0]:80", "valid host"},
      {"http://[127.0.0.1]:80", "valid host"},
      {"http://[::1]80", "valid port"},
      {std::string("http://127.0.0.1\0x:80", 21), "valid host"},
      {"unix:run/app.sock", "absolute"},
      {"unix://run/app.sock", "absolute"},
      {"unix:", "absolute"},
      {"unix:/" + std::string(107, 'a'), "107 bytes"},
      {"unix:/a\nb", "control character"},
  };
  for (const auto& [wrong_text, part] : wrong) {
    const std::string& text = wrong_text;  // CAPTURE takes no structured binding
    CAPTURE(text);
    const EndpointResult r = parse_endpoint(text);
    REQUIRE_FALSE(r.endpoint.has_value());
    INFO(r.error);
    CHECK(r.error.find(part) != std::string::npos);
    CHECK(r.error.find('\n') == std::string::npos);
    CHECK(r.error.front() == '"');
  }
}

TEST_CASE("pool key: equal exactly when a connection may be kept") {
  marquee::config::UpstreamTls tls;
  const Endpoint secure = good("https://a");
  const PoolKey base = pool_key(secure, tls, "d1");
  CHECK(base == pool_key(good("https://A.:443"), tls, "d1"));
  CHECK(std::hash<PoolKey>{}(base) == std::hash<PoolKey>{}(pool_key(secure, tls, "d1")));
  CHECK(base != pool_key(secure, tls, "d2"));
  CHECK(base != pool_key(good("https://b"), tls, "d1"));
  tls.server_name = "a";  // what it was by default
  CHECK(base == pool_key(secure, tls, "d1"));
  tls.server_name = "c";
  CHECK(base != pool_key(secure, tls, "d1"));
  CHECK(pool_key(good("http://a:1"), tls, "d1") == pool_key(good("http://a:1"), {}, "d2"));
  tls = {};
  tls.verify = false;
  CHECK(base != pool_key(secure, tls, "d1"));
}
