// IP addresses and networks. An address is 16 bytes; an IPv4-mapped IPv6
// address (::ffff:a.b.c.d) is the IPv4 address, so that one client has one
// address whatever the socket's family (RFC 4291 section 2.5.5.2).
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sockaddr;

namespace marquee::base {

class IpAddress {
 public:
  // Room for the longest text form; no terminating NUL is written.
  static constexpr std::size_t kTextSize = 46;
  using Bytes = std::array<std::uint8_t, 16>;

  IpAddress() = default;  // ::
  // Nothing for other families (Unix sockets). `address` has its family's size.
  static std::optional<IpAddress> from_sockaddr(const sockaddr& address);
  // Strict: dotted quad without leading zeros, or IPv6 without brackets or zone.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(const Bytes& network_order);

  bool is_v4() const;
  // Network order; IPv4 as the last four bytes behind ::ffff:.
  const Bytes& bytes() const { return bytes_; }
  unsigned width() const { return is_v4() ? 32 : 128; }
  bool is_loopback() const;

  // Writes the text (RFC 5952 for IPv6) and returns a view of it.
  std::string_view format(char (&out)[kTextSize]) const;
  std::string text() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 sees a 0 in the default
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Bytes bytes_{};
};

// A network; host bits are zero.
class Cidr {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. Set host bits are an error,
  // as they are a slip of the pen more often than not.
  static std::optional<Cidr> parse(std::string_view text);
  // `bits` beyond the address's width count as the width.
  Cidr(const IpAddress& address, unsigned bits);

  bool contains(const IpAddress& address) const;
  const IpAddress& network() const { return network_; }
  unsigned bits() const { return bits_; }  // of 32 or 128
  std::string text() const;
  friend bool operator==(const Cidr&, const Cidr&) = default;

 private:
  IpAddress network_;
  unsigned bits_ = 0;
};

// The network that counts as one client: an IPv6 customer holds at least a /64.
// The result is a key for tables: equal networks compare equal.
struct ClientPrefix {
  IpAddress network;
  friend bool operator==(const ClientPrefix&, const ClientPrefix&) = default;
};
ClientPrefix client_prefix(const IpAddress& address, unsigned v4_bits, unsigned v6_bits);

// Many networks; contains() is linear, the lists of settings are short.
class CidrList {
 public:
  CidrList() = default;
  explicit CidrList(std::vector<Cidr> networks) : networks_(std::move(networks)) {}
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty(); }
  const std::vector<Cidr>& networks() const { return networks_; }

 private:
  std::vector<Cidr> networks_;
};

std::size_t hash_value(const IpAddress& address);

}  // namespace marquee::base

template <>
struct std::hash<marquee::base::IpAddress> {
  std::size_t operator()(const marquee::base::IpAddress& a) const noexcept {
    return marquee::base::hash_value(a);
  }
};
template <>
struct std::hash<marquee::base::ClientPrefix> {
  std::size_t operator()(const marquee::base::ClientPrefix& p) const noexcept {
    return marquee::base::hash_value(p.network);
  }
};
