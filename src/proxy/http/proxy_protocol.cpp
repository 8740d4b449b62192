#include "proxy/http/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace marquee::proxy {
namespace {

constexpr std::string_view kV1Prefix = "PROXY ";
constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kV2Fixed = 16;
constexpr std::uint8_t kTlvCrc32c = 0x03;

ProxyParse refuse(std::string_view sentence) {
  ProxyParse p;
  p.status = ProxyStatus::refused;
  p.error = sentence;
  return p;
}

ProxyParse done(std::size_t consumed, ProxySource kind) {
  ProxyParse p;
  p.status = ProxyStatus::done;
  p.kind = kind;
  p.consumed = consumed;
  return p;
}

// Could `bytes` be the beginning of `prefix`, or begin with it?
bool agrees(std::string_view bytes, std::string_view prefix) {
  const std::size_t n = std::min(bytes.size(), prefix.size());
  return bytes.substr(0, n) == prefix.substr(0, n);
}

// ---- version 1 ----

std::optional<std::uint16_t> parse_port(std::string_view s) {
  if (s.empty() || s.size() > 5 || (s.size() > 1 && s[0] == '0')) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : s) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

bool parse_address(std::string_view s, bool v6, ProxyAddress& out) {
  if ((s.find(':') != std::string_view::npos) != v6) return false;
  const auto ip = base::IpAddress::parse(s);
  if (ip) out.ip = *ip;
  return ip.has_value();
}

// The part before the next single space; the rest stays in `line`.
std::string_view next_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

ProxyParse parse_v1_line(std::string_view line, std::size_t consumed) {
  line.remove_prefix(kV1Prefix.size());
  // Whatever follows UNKNOWN is to be ignored, but a longer word is not UNKNOWN.
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
    return done(consumed, ProxySource::unknown);
  }
  const bool ends_in_space = line.ends_with(' ');
  const std::string_view protocol = next_word(line);
  if (protocol != "TCP4" && protocol != "TCP6") {
    return refuse("PROXY v1: the protocol must be TCP4, TCP6 or UNKNOWN");
  }
  const bool v6 = protocol == "TCP6";
  ProxyParse p = done(consumed, ProxySource::proxied);
  if (!parse_address(next_word(line), v6, p.source)) {
    return refuse("PROXY v1: the source address is not of the named family");
  }
  if (!parse_address(next_word(line), v6, p.destination)) {
    return refuse("PROXY v1: the destination address is not of the named family");
  }
  const auto source_port = parse_port(next_word(line));
  const auto destination_port = parse_port(next_word(line));
  if (!source_port || !destination_port) {
    return refuse(
        "PROXY v1: a port must be a decimal number from 0 to 65535 without leading zeros");
  }
  if (!line.empty() || ends_in_space) {
    return refuse("PROXY v1: the line must end after the destination port");
  }
  p.source.port = *source_port;
  p.destination.port = *destination_port;
  return p;
}

ProxyParse parse_v1(std::string_view bytes) {
  const std::string_view window = bytes.substr(0, kProxyV1Max);
  const std::size_t end = window.find_first_of("\r\n");
  if (end == std::string_view::npos || (window[end] == '\r' && end + 1 == window.size())) {
    if (window.size() == kProxyV1Max) return refuse("PROXY v1: the line is longer than 107 bytes");
    return {};
  }
  if (window[end] != '\r' || window[end + 1] != '\n') {
    return refuse("PROXY v1: the line must end in CR LF");
  }
  return parse_v1_line(window.substr(0, end), end + 2);
}

// ---- version 2 ----

std::uint8_t byte_at(std::string_view s, std::size_t i) { return static_cast<std::uint8_t>(s[i]); }

std::uint16_t be16(std::string_view s, std::size_t i) {
  return static_cast<std::uint16_t>(byte_at(s, i) << 8 | byte_at(s, i + 1));
}

std::uint32_t be32(std::string_view s, std::size_t i) {
  return static_cast<std::uint32_t>(be16(s, i)) << 16 | be16(s, i + 2);
}

// CRC32C (Castagnoli, reflected polynomial 0x82F63B78), bit by bit: it runs once
// per connection over a few hundred bytes. Bytes in [hole, hole + 4) count as 0.
std::uint32_t crc32c(std::string_view s, std::size_t hole) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (std::size_t i = 0; i < s.size(); ++i) {
    crc ^= i >= hole && i < hole + 4 ? 0u : byte_at(s, i);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
  }
  return ~crc;
}

// Returns an error sentence, or nothing when all TLVs are well formed.
std::string_view check_tlvs(std::string_view header, std::size_t at) {
  bool seen_crc = false;
  while (at < header.size()) {
    if (header.size() - at < 3) return "PROXY v2: a TLV is cut short";
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = be16(header, at + 1);
    at += 3;
    if (length > header.size() - at) return "PROXY v2: a TLV is longer than the header";
    if (type == kTlvCrc32c) {
      if (length != 4 || seen_crc) return "PROXY v2: the CRC32C TLV must come once, with 4 bytes";
      seen_crc = true;
      if (crc32c(header, at) != be32(header, at)) return "PROXY v2: the CRC32C does not match";
    }
    at += length;
  }
  return {};
}

base::IpAddress read_ip(std::string_view header, bool v6, std::size_t at) {
  if (!v6) return base::IpAddress::v4(be32(header, at));
  base::IpAddress::Bytes bytes{};
  std::memcpy(bytes.data(), header.data() + at, bytes.size());
  return base::IpAddress::v6(bytes);
}

// `header` is the whole block; its version and command are already checked.
ProxyParse parse_v2_addresses(std::string_view header) {
  const unsigned family = byte_at(header, 13) >> 4;
  const unsigned transport = byte_at(header, 13) & 0x0F;
  if (family > 3 || transport > 2) return refuse("PROXY v2: unknown address family or transport");
  if (family == 0 || transport == 0) return done(header.size(), ProxySource::unknown);
  constexpr std::array<std::size_t, 4> kSizes{0, 12, 36, 216};
  const std::size_t size = kSizes[family];
  if (header.size() < kV2Fixed + size) {
    return refuse("PROXY v2: the length is too short for the addresses of the named family");
  }
  if (const auto error = check_tlvs(header, kV2Fixed + size); !error.empty()) return refuse(error);
  if (family == 3) return done(header.size(), ProxySource::unknown);
  const bool v6 = family == 2;
  const std::size_t width = v6 ? 16 : 4;
  const std::size_t ports = kV2Fixed + 2 * width;
  ProxyParse p = done(header.size(), ProxySource::proxied);
  p.source = {read_ip(header, v6, kV2Fixed), be16(header, ports)};
  p.destination = {read_ip(header, v6, kV2Fixed + width), be16(header, ports + 2)};
  return p;
}

ProxyParse parse_v2(std::string_view bytes) {
  if (bytes.size() > 12) {
    const std::uint8_t command = byte_at(bytes, 12);
    if (command >> 4 != 2) return refuse("PROXY v2: the version must be 2");
    if ((command & 0x0F) > 1) return refuse("PROXY v2: the command must be LOCAL or PROXY");
  }
  if (bytes.size() < kV2Fixed) return {};
  const std::size_t length = be16(bytes, 14);
  if (length > kProxyV2LengthMax) return refuse("PROXY v2: the header is longer than 4096 bytes");
  if (bytes.size() < kV2Fixed + length) return {};
  const std::string_view header = bytes.substr(0, kV2Fixed + length);
  if ((byte_at(bytes, 12) & 0x0F) == 0) return done(header.size(), ProxySource::local);
  return parse_v2_addresses(header);
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes, config::ProxyProtocol mode) {
  using Mode = config::ProxyProtocol;
  if (mode == Mode::off) return done(0, ProxySource::none);
  if (bytes.empty()) return {};
  if (mode != Mode::v2 && agrees(bytes, kV1Prefix)) return parse_v1(bytes);
  if (mode != Mode::v1 && agrees(bytes, kV2Signature)) return parse_v2(bytes);
  if (mode == Mode::v1) return refuse("the connection does not begin with a PROXY v1 line");
  if (mode == Mode::v2) return refuse("the connection does not begin with a PROXY v2 header");
  return refuse("the connection does not begin with a PROXY header");
}

}  // namespace marquee::proxy
