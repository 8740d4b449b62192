#include "base/ip.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/allocation_count.hpp"

using namespace marquee::base;

static IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  REQUIRE_MESSAGE(address, std::string(text));
  return *address;
}
static Cidr cidr(std::string_view text) {
  const auto network = Cidr::parse(text);
  REQUIRE_MESSAGE(network, std::string(text));
  return *network;
}

TEST_CASE("ip: parse and format") {
  CHECK(ip("192.0.2.1").text() == "192.0.2.1");
  CHECK(ip("255.255.255.255").text() == "255.255.255.255");
  CHECK(ip("2001:DB8:0:0::1").text() == "2001:db8::1");
  CHECK(ip("2001:db8:1111:2222:3333:4444:5555:6666").text() ==
        "2001:db8:1111:2222:3333:4444:5555:6666");
  CHECK(IpAddress::v4(0xc0000201) == ip("192.0.2.1"));
  for (const char* bad : {"", "1.2.3", "01.2.3.4", "1.2.3.4 ", "256.1.1.1", "[::1]", "::1%eth0",
                          "g::", "1.2.3.4/8", "::ffff:1.2.3.4.5"}) {
    CHECK_MESSAGE(!IpAddress::parse(bad), std::string(bad));
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  CHECK_FALSE(IpAddress::parse(std::string(500, '1')));
}

TEST_CASE("ip: a v4-mapped v6 address is the v4 address") {
  CHECK(ip("::ffff:192.0.2.1") == ip("192.0.2.1"));
  CHECK(ip("::ffff:192.0.2.1").is_v4());
  CHECK(ip("::ffff:192.0.2.1").text() == "192.0.2.1");
  CHECK_FALSE(ip("::192.0.2.1").is_v4());
}

TEST_CASE("ip: from a socket address") {
  sockaddr_storage storage{};
  auto& any = reinterpret_cast<sockaddr&>(storage);
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  inet_pton(AF_INET, "198.51.100.7", &v4.sin_addr);
  CHECK(*IpAddress::from_sockaddr(any) == ip("198.51.100.7"));
  storage = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:198.51.100.7", &v6.sin6_addr);
  CHECK(*IpAddress::from_sockaddr(any) == ip("198.51.100.7"));
  inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
  CHECK(*IpAddress::from_sockaddr(any) == ip("2001:db8::7"));
  storage.ss_family = AF_UNIX;
  CHECK_FALSE(IpAddress::from_sockaddr(any));
}

TEST_CASE("ip: format allocates nothing") {
  const IpAddress four = ip("203.0.113.250");
  const IpAddress six = ip("2001:db8::1");
  char out[IpAddress::kTextSize];
  const AllocationCount count;
  CHECK(four.format(out) == "203.0.113.250");
  CHECK(six.format(out) == "2001:db8::1");
  CHECK(count.made() == 0);
}

TEST_CASE("cidr: parse") {
  CHECK(cidr("10.0.0.0/8").text() == "10.0.0.0/8");
  CHECK(cidr("192.0.2.1").text() == "192.0.2.1/32");
  CHECK(cidr("::/0").text() == "::/0");
  CHECK(cidr("2001:db8::1").bits() == 128);
  for (const char* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08",
                          "10.0.0.0/8x", "::/129", "2001:db8::1/64", "x/8", "/8", ""}) {
    CHECK_MESSAGE(!Cidr::parse(bad), std::string(bad));
  }
}

TEST_CASE("cidr: contains") {
  CHECK(cidr("10.0.0.0/8").contains(ip("10.255.0.1")));
  CHECK_FALSE(cidr("10.0.0.0/8").contains(ip("11.0.0.1")));
  CHECK(cidr("192.0.2.128/25").contains(ip("192.0.2.255")));
  CHECK_FALSE(cidr("192.0.2.128/25").contains(ip("192.0.2.127")));
  CHECK(cidr("192.0.2.1").contains(ip("::ffff:192.0.2.1")));
  CHECK(cidr("0.0.0.0/0").contains(ip("1.2.3.4")));
  CHECK_FALSE(cidr("0.0.0.0/0").contains(ip("2001:db8::1")));
  CHECK_FALSE(cidr("::/0").contains(ip("1.2.3.4")));
  CHECK(cidr("2001:db8::/33").contains(ip("2001:db8:7fff::")));
  CHECK_FALSE(cidr("2001:db8::/33").contains(ip("2001:db8:8000::")));
  CHECK(cidr("2001:db8::1").contains(ip("2001:db8::1")));
  CHECK_FALSE(cidr("2001:db8::1").contains(ip("2001:db8::2")));
  const CidrList list({cidr("10.0.0.0/8"), cidr("fd00::/8")});
  CHECK(list.contains(ip("fd12::1")));
  CHECK_FALSE(list.contains(ip("192.0.2.1")));
  CHECK_FALSE(CidrList().contains(ip("10.0.0.1")));
}

TEST_CASE("client prefix: widths per family") {
  const auto key = [](std::string_view text) { return client_prefix(ip(text), 24, 64); };
  CHECK(key("192.0.2.1") == key("192.0.2.200"));
  CHECK_FALSE(key("192.0.2.1") == key("192.0.3.1"));
  CHECK(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::"));
  CHECK_FALSE(key("2001:db8:1:2::1") == key("2001:db8:1:3::1"));
  CHECK_FALSE(client_prefix(ip("192.0.2.1"), 32, 64) == client_prefix(ip("192.0.2.2"), 32, 64));
  CHECK(client_prefix(ip("192.0.2.1"), 0, 0).network.is_v4());
  CHECK(std::hash<ClientPrefix>{}(key("192.0.2.1")) == std::hash<ClientPrefix>{}(key("192.0.2.9")));
}
