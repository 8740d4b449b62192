#include "base/hostname.hpp"

#include <doctest/doctest.h>

#include <string>
#include <unordered_map>

#include "base/allocation_count.hpp"

using namespace marquee::base;

static std::string name_of(std::string_view in) {
  const HostnameResult r = parse_hostname(in);
  return r ? r.name->string() : "refused: " + std::string(r.why());
}
static HostError error_of(std::string_view in) { return parse_hostname(in).error; }

TEST_CASE("hostname: lower case, port and one trailing dot removed") {
  CHECK(name_of("Shop.Example.COM") == "shop.example.com");
  CHECK(name_of("shop.example.com.") == "shop.example.com");
  CHECK(name_of("shop.example.com:8443") == "shop.example.com");
  CHECK(name_of("shop.example.com.:8443") == "shop.example.com");
  CHECK(name_of("shop.example.com:") == "shop.example.com");
  CHECK(name_of("localhost") == "localhost");
  CHECK(parse_hostname("a.example:8443").port == 8443);
  CHECK(parse_hostname("a.example").port == -1);
  CHECK(parse_hostname("a.example:").port == -1);
  for (const char* bad : {"a.example:65536", "a.example:123456", "a.example:8x", "a.example:-1",
                          "a.example:443.", "a.example:1:2", "xn--bcher-kva.example:x"}) {
    CHECK_MESSAGE(error_of(bad) == HostError::bad_port, std::string(bad));
  }
}

TEST_CASE("hostname: my_site is kept as it is") {
  CHECK(name_of("my_site.example") == "my_site.example");
  CHECK(name_of("_acme.MY_SITE.example") == "_acme.my_site.example");
  CHECK(name_of("my_site.b\u00fccher.example") == "my_site.xn--bcher-kva.example");
}

TEST_CASE("hostname: r3---sn-abc is accepted") {
  CHECK(name_of("r3---sn-abc.example") == "r3---sn-abc.example");
  CHECK(name_of("r3---sn-abc.b\u00fccher.example") == "r3---sn-abc.xn--bcher-kva.example");
}

TEST_CASE("hostname: a..b is refused") {
  CHECK(error_of("a..b") == HostError::empty_label);
  CHECK(error_of(".a.b") == HostError::empty_label);
  CHECK(error_of("a.b..") == HostError::empty_label);
  CHECK(error_of(".") == HostError::empty_label);
  CHECK(error_of("a..b\u00fc") == HostError::empty_label);
  CHECK(error_of("\u00fc..") == HostError::empty_label);
  CHECK(error_of("") == HostError::empty);
  CHECK(error_of(":80") == HostError::empty);
}

TEST_CASE("hostname: full-width dots separate labels") {
  CHECK(name_of("www\u3002example\uff0ecom\uff61") == "www.example.com");
  CHECK(name_of("shop\u3002example:80") == "shop.example");
  CHECK(error_of("a\u3002\uff0eb") == HostError::empty_label);
  CHECK(error_of("a.\u3002b") == HostError::empty_label);
  // One dot leader and digit-with-dot map to more than a label: no new label.
  CHECK_FALSE(parse_hostname("a\u2024b.example"));
  CHECK_FALSE(parse_hostname("\u2488a.example"));
}

TEST_CASE("hostname: \u00df stays itself and is not ss") {
  CHECK(name_of("stra\u00dfe.example") == "xn--strae-oqa.example");
  CHECK(name_of("xn--strae-oqa.example") == "xn--strae-oqa.example");
  CHECK(name_of("strasse.example") == "strasse.example");
}

TEST_CASE("hostname: xn-- that does not round-trip is refused") {
  CHECK(name_of("XN--Bcher-KVA.example") == "xn--bcher-kva.example");
  CHECK(name_of("shop.xn--bcher-kva") == "shop.xn--bcher-kva");
  for (const char* bad : {"xn--abc-.example", "xn--.example", "xn--a.example",
                          "shop.xn--zzzzzz99999999", "\uff58n--abc.example"}) {
    CHECK_MESSAGE(!parse_hostname(bad), std::string(bad));
  }
  CHECK(error_of("xn--99zzzz9999.example") == HostError::bad_punycode);
  CHECK(error_of("xn--fi-1xb.xn--99zzzz9999") == HostError::bad_punycode);
}

TEST_CASE("hostname: no character is ever deleted") {
  for (const char* bad : {"a\u00adb.example", "a\u200bb.example", "a\ufeffb.example",
                          "a\ufe0fb.example", "a\u2060b.example", "\u00ad.example"}) {
    CHECK_MESSAGE(error_of(bad) == HostError::ignored_character, std::string(bad));
  }
  CHECK(error_of("*.example") == HostError::bad_character);
  CHECK(error_of("*\u00fc.example") == HostError::bad_character);
}

TEST_CASE("hostname: characters and hyphens") {
  using namespace std::string_literals;
  for (const std::string& bad :
       {"a b.example"s, "a/b.example"s, "a@b.example"s, "a%2eb"s, "a\0b.example"s, "a\tb"s, "a\\b"s,
        "a,b"s, " a.example"s, "a.example "s, "a\r\n"s, "\u00fc b.example"s, "a?b"s, "a#b"s}) {
    CHECK_MESSAGE(error_of(bad) == HostError::bad_character, std::string(bad));
  }
  CHECK(error_of("-a.example") == HostError::bad_hyphen);
  CHECK(error_of("a-.example") == HostError::bad_hyphen);
  CHECK(error_of("a.example-") == HostError::bad_hyphen);
  CHECK(error_of("\xff.example") == HostError::bad_utf8);
  CHECK(error_of("\xc0\xae.example") == HostError::bad_utf8);
  CHECK(error_of("\xed\xa0\x80.example") == HostError::bad_utf8);
  CHECK(error_of("a\xc3") == HostError::bad_utf8);
  // A full-width colon or slash maps to an ASCII one; it must not become a port.
  CHECK_FALSE(parse_hostname("a\uff1a80.example"));
  CHECK_FALSE(parse_hostname("a\uff0fb.example"));
}

TEST_CASE("hostname: length") {
  const std::string label63(63, 'a');
  CHECK(name_of(label63 + ".example") == label63 + ".example");
  CHECK(error_of(label63 + "a.example") == HostError::label_too_long);
  CHECK(error_of("shop." + label63 + "a") == HostError::label_too_long);
  const std::string name253 = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  REQUIRE(name253.size() == 253);
  CHECK(name_of(name253) == name253);
  CHECK(name_of(name253 + ".") == name253);
  CHECK(name_of(name253 + ".:443") == name253);
  CHECK(error_of(name253 + "b") == HostError::too_long);
  CHECK(error_of(name253 + ".b") == HostError::too_long);
  CHECK(error_of(std::string(100000, 'a')) == HostError::too_long);
  std::string wide;
  for (int i = 0; i < 300; ++i) wide += "\u00fc";
  CHECK(error_of(wide) == HostError::label_too_long);
  CHECK(error_of("\u00fc." + name253) == HostError::too_long);
  // 251 bytes, a dot, and a label that does not fit any more.
  CHECK(error_of(name253.substr(0, 251) + ".\u00fc") == HostError::too_long);
  CHECK(error_of(name253 + ".\u00fc") == HostError::too_long);
}

TEST_CASE("hostname: IP literals are told apart") {
  HostnameResult r = parse_hostname("192.0.2.1:80");
  CHECK(r.kind == HostKind::ipv4);
  CHECK(r.literal == "192.0.2.1");
  CHECK(r.port == 80);
  CHECK_FALSE(r);
  CHECK(r.why() == "is an IP address; write a hostname");
  r = parse_hostname("[2001:DB8:0:0::1]:443");
  CHECK(r.kind == HostKind::ipv6);
  CHECK(r.literal == "[2001:db8::1]");
  CHECK(r.port == 443);
  for (const char* bad : {"[::1", "[]", "[::1%25eth0]", "[fe80::1%eth0]", "[1.2.3.4]", "[g::]"}) {
    CHECK_MESSAGE(error_of(bad) == HostError::bad_ipv6, std::string(bad));
  }
  CHECK(error_of("[::1]x") == HostError::bad_port);
  for (const char* bad : {"1.2.3", "127.1", "256.1.1.1", "01.2.3.4", "1.2.3.0x7f", "2130706433",
                          "a.0x", "shop.123", "1.2.3.4.5"}) {
    CHECK_MESSAGE(error_of(bad) == HostError::ends_in_number, std::string(bad));
  }
  CHECK(name_of("1.2.3.4.example") == "1.2.3.4.example");
  CHECK(name_of("0xyz.0xyz") == "0xyz.0xyz");
  CHECK(error_of("\uff11.\uff12.\uff13.\uff14") == HostError::ends_in_number);
  CHECK(error_of("::1") != HostError::none);
}

TEST_CASE("hostname: the ASCII path allocates nothing, parse_hostname once") {
  HostBuffer buffer;
  const std::string in = "WWW.Some-Customer-Shop.Example.COM.:8443";
  AllocationCount count;
  CHECK(normalise_into(in, buffer).text == "www.some-customer-shop.example.com");
  CHECK(normalise_into("192.0.2.1", buffer).kind == HostKind::ipv4);
  CHECK(normalise_into("[2001:db8::1]", buffer).kind == HostKind::ipv6);
  CHECK(count.made() == 0);
  const AllocationCount again;
  const HostnameResult r = parse_hostname(in);
  CHECK(again.made() == 1);
  CHECK(r);
}

TEST_CASE("hostname: the www pair") {
  const auto twin = [](const char* in) {
    const auto t = parse_hostname(in).name->www_twin();
    return t ? t->string() : std::string();
  };
  CHECK(twin("shop.example") == "www.shop.example");
  CHECK(twin("www.shop.example") == "shop.example");
  CHECK(twin("www.com") == "www.www.com");
  CHECK(twin("www.www.com") == "www.com");
  CHECK(twin("www.www.shop.example") == "www.www.www.shop.example");
  CHECK(twin("www.www.www.shop.example") == "www.www.shop.example");
  CHECK(twin("intranet").empty());
  CHECK(twin("localhost") == "www.localhost");
  CHECK(twin("www.localhost") == "localhost");
  const std::string label(62, 'a');
  CHECK(twin((label + "." + label + "." + label + "." + label).c_str()).empty());
}

TEST_CASE("hostname: wildcards have their own parser") {
  CHECK(parse_wildcard("*.Sites.example.com").name->text() == "sites.example.com");
  CHECK(parse_wildcard("*.localhost").name->text() == "localhost");
  CHECK(parse_wildcard("*.com").error == HostError::bad_wildcard);
  CHECK(parse_wildcard("sites.example.com").error == HostError::bad_wildcard);
  CHECK(parse_wildcard("*.a.example:80").error == HostError::bad_wildcard);
  CHECK(parse_wildcard("*.192.0.2.1").error == HostError::bad_wildcard);
  CHECK(parse_wildcard("*.*.example.com").error == HostError::bad_character);
  CHECK(parse_wildcard("*.a..b").error == HostError::empty_label);
  CHECK(parse_wildcard("*.").error == HostError::empty);
}

TEST_CASE("hostname: look-up by bytes without a Hostname") {
  std::unordered_map<Hostname, int, TextHash, TextEqual> table;
  table.emplace(*parse_hostname("shop.example").name, 7);
  CHECK(table.find(std::string_view("shop.example"))->second == 7);
  CHECK(table.find(std::string_view("shop.exampl")) == table.end());
  CHECK(std::hash<Hostname>{}(*parse_hostname("A.b").name) ==
        std::hash<Hostname>{}(*parse_hostname("a.b.").name));
}

TEST_CASE("hostname: every error has a sentence of its own") {
  for (int i = 1; i <= static_cast<int>(HostError::bad_wildcard); ++i) {
    for (int j = 0; j < i; ++j) {
      CHECK(sentence(static_cast<HostError>(i)) != sentence(static_cast<HostError>(j)));
    }
  }
}
