// Grammars of the addresses in the settings: where to listen, where an
// upstream is, which networks are trusted. Pure; a parser that fails leaves a
// complaint that completes the sentence `X is "...", ...`.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::config {

// "192.0.2.1:8443", "[2001:db8::1]:8443", "unix:/run/x.sock". A host is always
// an IP literal: listening on a name would depend on a resolver.
struct ListenAddress {
  bool is_unix = false;
  bool is_v6 = false;
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0: the kernel chooses
  std::string path;        // of a Unix socket
};
std::optional<ListenAddress> parse_listen_address(std::string_view text, std::string& complaint);

// "http://host:port", "https://host[:port]", "unix:/path"; over HTTP/2
// "h2://host[:port]" with TLS, "h2c://host:port" without.
struct Endpoint {
  enum class Kind : std::uint8_t { http, https, h2, h2c, unix_socket };
  bool uses_tls() const { return kind == Kind::https || kind == Kind::h2; }
  Kind kind = Kind::http;
  std::string host;        // name or IP literal without brackets
  std::uint16_t port = 0;  // 80 or 443 where none was written
  std::string path;        // of a Unix socket
};
std::optional<Endpoint> parse_endpoint(std::string_view text, std::string& complaint);

// An IP address or network. v4 bytes stand first in `bytes`.
struct Network {
  bool is_v6 = false;
  unsigned char bytes[16] = {};
  unsigned prefix = 0;  // bits
};
std::optional<Network> parse_network(std::string_view text, std::string& complaint);

bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);

}  // namespace marquee::config
