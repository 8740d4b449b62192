#include "base/ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace marquee::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kV4Offset = 12;

IpAddress from_v4(const void* four_bytes) {
  IpAddress::Bytes bytes{};
  std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
  std::memcpy(bytes.data() + kV4Offset, four_bytes, 4);
  return IpAddress::v6(bytes);
}

// The address with all but its first `bits` (of 128) zero.
IpAddress masked(const IpAddress& address, unsigned bits) {
  IpAddress::Bytes bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned first = i * 8;
    const unsigned kept = bits <= first ? 0 : std::min(bits - first, 8u);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
  }
  return IpAddress::v6(bytes);
}

// Bits counted from the start of the 16 bytes.
unsigned full_bits(const IpAddress& address, unsigned bits) {
  return std::min(bits, address.width()) + (address.is_v4() ? 96 : 0);
}

}  // namespace

std::optional<IpAddress> IpAddress::from_sockaddr(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return from_v4(&in.sin_addr);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address, sizeof in);
    IpAddress result;
    std::memcpy(result.bytes_.data(), &in.sin6_addr, 16);
    return result;
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char copy[kTextSize + 1];
  if (text.size() > kTextSize || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in_addr v4{};
  if (inet_pton(AF_INET, copy, &v4) == 1) return from_v4(&v4);
  in6_addr v6{};
  if (inet_pton(AF_INET6, copy, &v6) != 1) return std::nullopt;
  IpAddress result;
  std::memcpy(result.bytes_.data(), &v6, 16);
  return result;
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  const std::uint32_t network_order = htonl(host_order);
  return from_v4(&network_order);
}

IpAddress IpAddress::v6(const Bytes& network_order) {
  IpAddress result;
  result.bytes_ = network_order;
  return result;
}

bool IpAddress::is_v4() const {
  return std::memcmp(bytes_.data(), kMapped.data(), kMapped.size()) == 0;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[kV4Offset] == 127;
  Bytes one{};
  one[15] = 1;
  return bytes_ == one;
}

std::string_view IpAddress::format(char (&out)[kTextSize]) const {
  if (!is_v4()) {
    inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
    return {out, std::strlen(out)};
  }
  char* at = out;
  for (std::size_t i = kV4Offset; i < 16; ++i) {
    if (i != kV4Offset) *at++ = '.';
    at = std::to_chars(at, out + sizeof out, bytes_[i]).ptr;
  }
  return {out, static_cast<std::size_t>(at - out)};
}

std::string IpAddress::text() const {
  char buffer[kTextSize];
  return std::string(format(buffer));
}

Cidr::Cidr(const IpAddress& address, unsigned bits)
    : network_(masked(address, full_bits(address, bits))), bits_(std::min(bits, address.width())) {}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned bits = address->width();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    const bool read = error == std::errc() && end == digits.data() + digits.size();
    if (!read || padded || bits > address->width()) return std::nullopt;
  }
  Cidr result(*address, bits);
  if (result.network_ != *address) return std::nullopt;
  return result;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.is_v4() != network_.is_v4()) return false;
  const unsigned bits = full_bits(network_, bits_);
  const unsigned whole = bits / 8;
  const auto& a = address.bytes();
  const auto& n = network_.bytes();
  if (std::memcmp(a.data(), n.data(), whole) != 0) return false;
  return bits % 8 == 0 || ((a[whole] ^ n[whole]) & (0xff00u >> (bits % 8)) & 0xffu) == 0;
}

std::string Cidr::text() const { return network_.text() + "/" + std::to_string(bits_); }

ClientPrefix client_prefix(const IpAddress& address, unsigned v4_bits, unsigned v6_bits) {
  return {masked(address, full_bits(address, address.is_v4() ? v4_bits : v6_bits))};
}

bool CidrList::contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const Cidr& c) { return c.contains(address); });
}

std::size_t hash_value(const IpAddress& address) {
  const auto& b = address.bytes();
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(b.data()), b.size()});
}

}  // namespace marquee::base
