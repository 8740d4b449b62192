#include "proxy/http/proxy_protocol.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace marquee::proxy;
using Mode = marquee::config::ProxyProtocol;

namespace {

const std::string kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string be16(std::size_t v) {
  return {static_cast<char>(v >> 8 & 0xFF), static_cast<char>(v & 0xFF)};
}

std::string v2(int command, int family, const std::string& body) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) + be16(body.size()) +
         body;
}

std::string tlv(int type, const std::string& value) {
  return static_cast<char>(type) + be16(value.size()) + value;
}

const std::string kV4Block =
    std::string("\xC0\x00\x02\x01\xC6\x33\x64\x02", 8) + be16(50000) + be16(443);

// An independent CRC32C: the table form, of another shape than the one tested.
std::uint32_t reference_crc(const std::string& s) {
  std::uint32_t table[256];
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) ? 0x82F63B78u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  std::uint32_t crc = ~0u;
  for (const char ch : s) crc = table[(crc ^ static_cast<unsigned char>(ch)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string with_crc(std::string header, std::size_t at) {
  const std::uint32_t crc = reference_crc(header);
  for (std::size_t i = 0; i < 4; ++i)
    header[at + i] = static_cast<char>(crc >> (24 - 8 * i) & 0xFF);
  return header;
}

// Every shorter prefix must ask for more; the whole, and the whole with the
// client's bytes behind it, must give the same header.
ProxyParse at_every_split(const std::string& header, Mode mode) {
  for (std::size_t n = 0; n < header.size(); ++n) {
    CAPTURE(n);
    const ProxyParse p = parse_proxy_header(header.substr(0, n), mode);
    REQUIRE(p.status == ProxyStatus::need_more);
    REQUIRE(p.consumed == 0);
  }
  const ProxyParse exact = parse_proxy_header(header, mode);
  REQUIRE(exact.status == ProxyStatus::done);
  CHECK(exact.consumed == header.size());
  const ProxyParse more = parse_proxy_header(header + "GET / HTTP/1.1\r\n", mode);
  REQUIRE(more.status == ProxyStatus::done);
  CHECK(more.consumed == header.size());
  CHECK(more.source == exact.source);
  return exact;
}

// Refused as a whole, and no prefix of it is ever taken for a header.
std::string refusal(const std::string& header, Mode mode = Mode::any) {
  for (std::size_t n = 0; n < header.size(); ++n) {
    CHECK(parse_proxy_header(header.substr(0, n), mode).status != ProxyStatus::done);
  }
  const ProxyParse p = parse_proxy_header(header, mode);
  CHECK(p.status == ProxyStatus::refused);
  CHECK(p.consumed == 0);
  return std::string(p.error);
}

}  // namespace

TEST_CASE("proxy protocol v1: TCP4, TCP6 and UNKNOWN, at every split") {
  for (const Mode mode : {Mode::v1, Mode::any}) {
    ProxyParse p = at_every_split("PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n", mode);
    CHECK(p.kind == ProxySource::proxied);
    CHECK(p.source.ip.text() == "192.0.2.1");
    CHECK(p.source.port == 50000);
    CHECK(p.destination.ip.text() == "198.51.100.2");
    CHECK(p.destination.port == 443);
    p = at_every_split("PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 65535\r\n", mode);
    CHECK(p.source.ip.text() == "2001:db8::1");
    CHECK(p.destination.ip.text() == "192.0.2.1");  // v4-mapped is v4
    p = at_every_split("PROXY UNKNOWN\r\n", mode);
    CHECK(p.kind == ProxySource::unknown);
    at_every_split("PROXY UNKNOWN ffff:f...f:ffff anything 65535 65535\r\n", mode);
  }
}

TEST_CASE("proxy protocol v1: the longest line, and one byte more") {
  const std::string start = "PROXY UNKNOWN ";
  at_every_split(start + std::string(kProxyV1Max - 2 - start.size(), 'x') + "\r\n", Mode::v1);
  CHECK(refusal(start + std::string(kProxyV1Max - 1 - start.size(), 'x') + "\r\n").find("107") !=
        std::string::npos);
  CHECK(refusal(start + std::string(1000, 'x')).find("107") != std::string::npos);
}

TEST_CASE("proxy protocol v1: what is not exactly a header is refused") {
  const std::vector<std::string> wrong = {
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\rX",
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443 \r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000 443 1\r\n",
      "PROXY TCP4  192.0.2.1 198.51.100.2 50000 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 050000 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 50000 +443\r\n",
      "PROXY TCP4 192.0.2.01 198.51.100.2 50000 443\r\n",
      "PROXY TCP4 192.0.2.256 198.51.100.2 50000 443\r\n",
      "PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n",
      "PROXY TCP6 192.0.2.1 198.51.100.2 50000 443\r\n",
      "PROXY TCP6 2001:db8::1%eth0 ::1 50000 443\r\n",
      std::string("PROXY TCP4 192.0.2.1\0 198.51.100.2 50000 443\r\n", 46),
      "PROXY UDP4 192.0.2.1 198.51.100.2 50000 443\r\n",
      "PROXY tcp4 192.0.2.1 198.51.100.2 50000 443\r\n",
      "PROXY UNKNOWNX\r\n",
      "PROXY \r\n",
      "PROXY\r\n",
      "proxy TCP4 192.0.2.1 198.51.100.2 50000 443\r\n",
      "GET / HTTP/1.1\r\n",
      "\x16\x03\x01",
  };
  for (const auto& line : wrong) {
    CAPTURE(line);
    CHECK_FALSE(refusal(line).empty());
  }
  CHECK(parse_proxy_header("G", Mode::any).status == ProxyStatus::refused);
  CHECK(parse_proxy_header("PROXY TC", Mode::v2).status == ProxyStatus::refused);
  CHECK(parse_proxy_header("\r\n\r", Mode::v1).status == ProxyStatus::refused);
}

TEST_CASE("proxy protocol v2: addresses, at every split") {
  for (const Mode mode : {Mode::v2, Mode::any}) {
    for (const int family : {0x11, 0x12}) {
      const ProxyParse p = at_every_split(v2(0x21, family, kV4Block), mode);
      CHECK(p.kind == ProxySource::proxied);
      CHECK(p.source.ip.text() == "192.0.2.1");
      CHECK(p.source.port == 50000);
      CHECK(p.destination.ip.text() == "198.51.100.2");
      CHECK(p.destination.port == 443);
    }
    const std::string six =
        std::string(15, '\0') + "\1" + std::string(15, '\0') + "\2" + be16(7) + be16(8);
    const ProxyParse p = at_every_split(v2(0x21, 0x21, six), mode);
    CHECK(p.source.ip.text() == "::1");
    CHECK(p.destination.ip.text() == "::2");
    CHECK(p.source.port == 7);
    CHECK(p.destination.port == 8);
    CHECK(at_every_split(v2(0x21, 0x31, std::string(216, 'u')), mode).kind == ProxySource::unknown);
    CHECK(at_every_split(v2(0x21, 0x00, ""), mode).kind == ProxySource::unknown);
    CHECK(at_every_split(v2(0x21, 0x10, "junk"), mode).kind == ProxySource::unknown);
    CHECK(at_every_split(v2(0x20, 0x00, ""), mode).kind == ProxySource::local);
    CHECK(at_every_split(v2(0x20, 0x11, kV4Block), mode).kind == ProxySource::local);
  }
}

TEST_CASE("proxy protocol v2: TLVs are checked, CRC32C is verified") {
  at_every_split(v2(0x21, 0x11, kV4Block + tlv(0x02, "bakery.example") + tlv(0x04, "")), Mode::v2);
  const std::string plain =
      v2(0x21, 0x11, kV4Block + tlv(0x03, std::string(4, '\0')) + tlv(1, "h2"));
  const std::string right = with_crc(plain, 16 + 12 + 3);
  at_every_split(right, Mode::v2);
  CHECK(reference_crc("123456789") == 0xE3069283u);
  // Any one wrong bit is seen.
  for (std::size_t i = 16; i < right.size() - 5; ++i) {
    std::string bad = right;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    CAPTURE(i);
    // A damaged TLV type or length may hide the checksum, but not inside the block here.
    if (i >= 28 && i < 31) continue;
    CHECK(parse_proxy_header(bad, Mode::v2).status == ProxyStatus::refused);
  }
  CHECK(refusal(v2(0x21, 0x11, kV4Block + "\1")).find("cut short") != std::string::npos);
  CHECK(refusal(v2(0x21, 0x11, kV4Block + std::string("\1\0", 2))).find("cut short") !=
        std::string::npos);
  CHECK(refusal(v2(0x21, 0x11, kV4Block + std::string("\1\0\2h", 4))).find("longer") !=
        std::string::npos);
  CHECK(refusal(v2(0x21, 0x11, kV4Block + tlv(0x03, "abc"))).find("CRC32C") != std::string::npos);
}

TEST_CASE("proxy protocol v2: hostile headers are refused as early as possible") {
  CHECK_FALSE(refusal(v2(0x11, 0x11, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x31, 0x11, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x22, 0x11, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x21, 0x41, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x21, 0x13, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x21, 0x11, kV4Block.substr(1))).empty());
  CHECK_FALSE(refusal(v2(0x21, 0x21, kV4Block)).empty());
  CHECK_FALSE(refusal(v2(0x21, 0x31, std::string(215, 'u'))).empty());
  // Only the version byte is needed to refuse, and only the length to refuse a long one.
  CHECK(parse_proxy_header(kSignature + "\x11", Mode::v2).status == ProxyStatus::refused);
  CHECK(parse_proxy_header(kSignature + "\x21\x11" + be16(4097), Mode::v2).status ==
        ProxyStatus::refused);
  std::string longest = kV4Block;
  longest += tlv(0xE0, std::string(kProxyV2LengthMax - longest.size() - 3, 'z'));
  at_every_split(v2(0x21, 0x11, longest), Mode::v2);
}

TEST_CASE("proxy protocol: off takes nothing, and random bytes never read out of bounds") {
  const ProxyParse off = parse_proxy_header("PROXY TCP4 ", Mode::off);
  CHECK(off.status == ProxyStatus::done);
  CHECK(off.consumed == 0);
  CHECK(off.kind == ProxySource::none);
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string s = round % 2 ? kSignature + "\x21\x11" : std::string("PROXY TCP4 1");
    const std::size_t n = random() % 60;
    for (std::size_t i = 0; i < n; ++i) s += static_cast<char>(random() % 256);
    if (round % 2 && s.size() > 15) s[14] = 0;
    const ProxyParse p = parse_proxy_header(std::string(s), Mode::any);
    CHECK(p.consumed <= s.size());
    CHECK((p.status == ProxyStatus::refused) == !p.error.empty());
  }
}
