#include "proxy/http/forwarding.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "proxy/http/redirects.hpp"

using namespace marquee::proxy;
using marquee::base::Cidr;
using marquee::base::CidrList;
using marquee::base::IpAddress;

namespace {

using Lines = std::vector<std::string_view>;

const CidrList kTrusted({*Cidr::parse("10.0.0.0/8"), *Cidr::parse("fd00::/8")});

ForwardingFacts facts_of(std::string_view peer, bool trusted) {
  ForwardingFacts f;
  f.peer = *IpAddress::parse(peer);
  f.peer_trusted = trusted;
  f.scheme = "https";
  f.authority = "shop.example";
  f.port = 443;
  return f;
}

std::string client_of(const Lines& lines) {
  const ForwardedFor r = read_forwarded_for(lines, kTrusted);
  return r.valid ? r.client.text() : "malformed";
}

struct Buffer {
  std::array<char, kForwardingBuffer> bytes{};
  operator std::span<char>() { return bytes; }
};

}  // namespace

TEST_CASE("forwarding: an untrusted peer's fields are not looked at") {
  Buffer buffer;
  const Lines evil = {"1.2.3.4", "evil"};
  ForwardingFacts f = facts_of("192.0.2.1", false);
  f.existing = {evil, evil, evil, evil, evil};
  const ForwardingValues v = compute_forwarding(f, kTrusted, buffer);
  CHECK(v.forwarded == "for=192.0.2.1;host=shop.example;proto=https");
  CHECK(v.x_forwarded_for == "192.0.2.1");
  CHECK(v.x_forwarded_proto == "https");
  CHECK(v.x_forwarded_host == "shop.example");
  CHECK(v.x_forwarded_port == "443");
  CHECK(v.x_real_ip == "192.0.2.1");
  CHECK(v.client == f.peer);
  CHECK_FALSE(v.existing_dropped);
}

TEST_CASE("forwarding: quoting of IPv6, ports and odd hosts") {
  Buffer buffer;
  ForwardingFacts f = facts_of("2001:db8::1", false);
  f.authority = "shop.example:8443";
  f.port = 8443;
  ForwardingValues v = compute_forwarding(f, kTrusted, buffer);
  CHECK(v.forwarded == "for=\"[2001:db8::1]\";host=\"shop.example:8443\";proto=https");
  CHECK(v.x_forwarded_for == "2001:db8::1");
  CHECK(v.x_forwarded_port == "8443");
  f.authority = "[::1]";
  CHECK(compute_forwarding(f, kTrusted, buffer).forwarded ==
        "for=\"[2001:db8::1]\";host=\"[::1]\";proto=https");
  f.authority = "";
  CHECK(compute_forwarding(f, kTrusted, buffer).forwarded == "for=\"[2001:db8::1]\";proto=https");
  f.authority = "a\";b";
  CHECK(compute_forwarding(f, kTrusted, buffer).forwarded == "for=\"[2001:db8::1]\";proto=https");
  f = facts_of("::", false);
  f.peer_known = false;
  v = compute_forwarding(f, kTrusted, buffer);
  CHECK(v.forwarded == "for=unknown;host=shop.example;proto=https");
  CHECK(v.x_forwarded_for.empty());
  CHECK(v.x_real_ip.empty());
  CHECK_FALSE(v.client_known);
  f.want_forwarded = false;
  CHECK(compute_forwarding(f, kTrusted, buffer).forwarded.empty());
}

TEST_CASE("forwarding: a trusted peer's lists are appended to") {
  Buffer buffer;
  const Lines forwarded = {"for=192.0.2.7;proto=http, for=\"[fd00::1]\"", "for=10.9.9.9"};
  const Lines xff = {"203.0.113.5, 192.0.2.7", "10.9.9.9"};
  const Lines proto = {"http"};
  const Lines host = {"Shop.Example:8080"};
  const Lines port = {"8080"};
  ForwardingFacts f = facts_of("10.0.0.1", true);
  f.existing = {forwarded, xff, proto, host, port};
  const ForwardingValues v = compute_forwarding(f, kTrusted, buffer);
  CHECK(v.forwarded ==
        "for=192.0.2.7;proto=http, for=\"[fd00::1]\", for=10.9.9.9, "
        "for=10.0.0.1;host=shop.example;proto=https");
  CHECK(v.x_forwarded_for == "203.0.113.5, 192.0.2.7, 10.9.9.9, 10.0.0.1");
  CHECK(v.x_real_ip == "192.0.2.7");
  CHECK(v.client.text() == "192.0.2.7");
  CHECK(v.x_forwarded_proto == "http");
  CHECK(v.x_forwarded_host == "shop.example:8080");
  CHECK(v.x_forwarded_port == "8080");
  CHECK_FALSE(v.existing_dropped);
  // A trusted peer that says nothing is itself the client.
  const ForwardingValues silent = compute_forwarding(facts_of("10.0.0.1", true), kTrusted, buffer);
  CHECK(silent.client.text() == "10.0.0.1");
  CHECK_FALSE(silent.existing_dropped);
}

TEST_CASE("forwarding: each malformed value of a trusted peer is dropped whole") {
  Buffer buffer;
  const Lines bad = {"\"x"};
  const Lines two = {"https", "http"};
  const std::string long_list(kMaxForwarded + 1, 'a');
  const Lines too_long = {long_list};
  for (const Lines* l : std::initializer_list<const Lines*>{&bad, &two, &too_long}) {
    ForwardingFacts f = facts_of("10.0.0.1", true);
    f.existing = {*l, *l, *l, *l, *l};
    const ForwardingValues v = compute_forwarding(f, kTrusted, buffer);
    CHECK(v.existing_dropped);
    CHECK(v.forwarded == "for=10.0.0.1;host=shop.example;proto=https");
    CHECK(v.x_forwarded_for == "10.0.0.1");
    CHECK(v.x_forwarded_proto == "https");
    CHECK(v.x_forwarded_host == "shop.example");
    CHECK(v.x_forwarded_port == "443");
    CHECK(v.x_real_ip == "10.0.0.1");
  }
}

TEST_CASE("forwarding: the client is found from the right end of X-Forwarded-For") {
  CHECK(client_of({"203.0.113.5"}) == "203.0.113.5");
  CHECK(client_of({"6.6.6.6, 203.0.113.5, 10.1.1.1,fd00::9"}) == "203.0.113.5");
  CHECK(client_of({"6.6.6.6", "203.0.113.5", "10.1.1.1"}) == "203.0.113.5");
  CHECK(client_of({"10.2.2.2, 10.1.1.1"}) == "10.2.2.2");
  CHECK(client_of({"203.0.113.5:1234"}) == "203.0.113.5");
  CHECK(client_of({"[2001:db8::1]:1234"}) == "2001:db8::1");
  CHECK(client_of({"[2001:db8::1]"}) == "2001:db8::1");
  CHECK(client_of({"::ffff:203.0.113.5"}) == "203.0.113.5");
  CHECK(client_of({"\t 203.0.113.5 \t"}) == "203.0.113.5");
  for (const char* malformed : {"",
                                ",",
                                "203.0.113.5,",
                                ",203.0.113.5",
                                "unknown",
                                "_hidden",
                                "203.0.113.5 10.0.0.1",
                                "203.0.113.05",
                                "203.0.113.5:",
                                "203.0.113.5:x",
                                "203.0.113.5:65536",
                                "[2001:db8::1",
                                "[203.0.113.5]",
                                "2001:db8::1]",
                                "[::1]x",
                                "[::1]:",
                                "fe80::1%eth0",
                                "junk, 203.0.113.5",
                                "203.0.113.5\r\nX: y",
                                "203.0.113.5:-1"}) {
    CAPTURE(malformed);
    CHECK(client_of({malformed}) == "malformed");
  }
  CHECK(client_of({}) == "malformed");
  CHECK(client_of(Lines(kMaxHops, "10.0.0.1")) == "10.0.0.1");
  CHECK(client_of(Lines(kMaxHops + 1, "10.0.0.1")) == "malformed");
  const std::string spaces(kMaxForwardedFor, ' ');
  CHECK(client_of({spaces, "203.0.113.5"}) == "malformed");
}

TEST_CASE("forwarding: the grammar of Forwarded") {
  for (const char* good :
       {"", "for=1.2.3.4", "For=\"[2001:db8:cafe::17]:4711\"", "for=a;proto=http;by=203.0.113.43",
        "for=_x, for=unknown", "for=a; proto=http", "for=a;;ext=\"q\\\"uo;,ted\"", ",for=a, ,",
        "secret=x;for=y"}) {
    CAPTURE(good);
    CHECK(is_forwarded(Lines{good}));
  }
  for (const char* bad : {"for", "for=", "=a", "for=a b", "for=[::1]", "for=\"a", "for=\"a\\",
                          "for=a;for=b", "for=a;FOR=b", "for =a", "for=\"a\"b", "for=a=b",
                          "f\r\nor=a", "for=\"a\r\nb\"", "for=1.2.3.4:80", "\xFF=a"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_forwarded(Lines{bad}));
  }
}

TEST_CASE("forwarding: a small buffer loses fields and never overruns") {
  const Lines xff = {"203.0.113.5, 192.0.2.7"};
  const Lines host = {"other.example:81"};
  ForwardingFacts f = facts_of("10.0.0.1", true);
  f.existing.x_forwarded_for = xff;
  f.existing.x_forwarded_host = host;
  for (std::size_t n = 0; n < 200; ++n) {
    std::vector<char> exact(n);  // on the heap: ASan watches its end
    const ForwardingValues v = compute_forwarding(f, kTrusted, exact);
    for (const auto& [value, whole] : std::vector<std::pair<std::string_view, std::string_view>>{
             {v.x_forwarded_for, "203.0.113.5, 192.0.2.7, 10.0.0.1"},
             {v.forwarded, "for=10.0.0.1;host=shop.example;proto=https"},
             {v.x_real_ip, "192.0.2.7"},
             {v.x_forwarded_port, "443"}}) {
      CHECK((value.empty() || value == whole));
    }
  }
  // The promised size is enough for the largest that is kept.
  const std::string longest_for = std::string(kMaxForwardedFor - 11, ' ') + "203.0.113.5";
  const std::string longest = "x=" + std::string(kMaxForwarded - 2, 'y');
  const std::string longest_host = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                   std::string(63, 'c') + "." + std::string(61, 'd') + ":65535";
  const Lines l1 = {longest_for};
  const Lines l2 = {longest};
  const Lines l3 = {longest_host};
  const Lines l4 = {"65535"};
  ForwardingFacts big = facts_of("fd00:1111:2222:3333:4444:5555:6666:7777", true);
  big.authority = longest_host;
  big.existing = {l2, l1, {}, l3, l4};
  Buffer buffer;
  const ForwardingValues v = compute_forwarding(big, kTrusted, buffer);
  CHECK_FALSE(v.existing_dropped);
  CHECK(v.forwarded.starts_with(longest));
  CHECK(v.forwarded.ends_with("proto=https"));
  CHECK(v.x_forwarded_for.ends_with("7777"));
  CHECK(v.x_forwarded_host == longest_host);
  CHECK(v.x_forwarded_port == "65535");
}

TEST_CASE("forwarding: Via") {
  Buffer buffer;
  CHECK(via_value("1.1", "marquee", buffer) == "1.1 marquee");
  CHECK(via_value("1.1", "a b", buffer).empty());
  CHECK(via_value("1.1", "", buffer).empty());
  CHECK(via_value("1.1", "marquee", std::span<char>(buffer).first(10)).empty());
}

TEST_CASE("redirects: status and Location") {
  CHECK(redirect_status("GET") == 301);
  CHECK(redirect_status("HEAD") == 301);
  CHECK(redirect_status("POST") == 308);
  CHECK(redirect_status("get") == 308);
  std::array<char, 512> buffer{};
  const auto location = [&](RedirectTarget t) { return std::string(write_location(t, buffer)); };
  CHECK(location({true, "shop.example", 443, "/a%2F..//b?x=%0a&y=\xC3\xBC"}) ==
        "https://shop.example/a%2F..//b?x=%0a&y=\xC3\xBC");
  CHECK(location({true, "shop.example", 8443, "/"}) == "https://shop.example:8443/");
  CHECK(location({true, "shop.example", 80, "/"}) == "https://shop.example:80/");
  CHECK(location({false, "[::1]", 80, ""}) == "http://[::1]/");
  CHECK(location({true, "shop.example", 0, "*"}) == "https://shop.example/");
  CHECK(location({true, "shop.example", 443, "//evil.example"}) ==
        "https://shop.example//evil.example");
  for (const std::string_view target :
       {std::string_view("/\r\nSet-Cookie: a=b"), std::string_view("/\n"), std::string_view("/a b"),
        std::string_view("/\0", 2), std::string_view("/\x7F"), std::string_view("a"),
        std::string_view("@evil.example/"), std::string_view(".evil.example/"),
        std::string_view("/a#b"), std::string_view("?q")}) {
    CAPTURE(target);
    CHECK(location({true, "shop.example", 443, target}).empty());
  }
  for (const std::string_view host :
       {std::string_view(""), std::string_view("shop.example:443"), std::string_view("a/b"),
        std::string_view("a\r\nb"), std::string_view("u@a"), std::string_view("Shop.example"),
        std::string_view("[::1"), std::string_view("[[::1]]"), std::string_view("[]")}) {
    CAPTURE(host);
    CHECK(location({true, host, 443, "/"}).empty());
  }
  const RedirectTarget longest{false, "a", 65535, "/b"};
  for (std::size_t n = 0; n < location_size(longest); ++n) {
    CHECK(write_location(longest, std::span(buffer).first(n)).empty());
  }
  CHECK(write_location(longest, std::span(buffer).first(location_size(longest))) ==
        "http://a:65535/b");
}
