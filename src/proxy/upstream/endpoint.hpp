// One address of an upstream pool as the settings write it, in normal form:
//   http://host:port      https://host[:port]      unix:/absolute/path
//   h2c://host:port       h2://host[:port]         (HTTP/2; h2 is over TLS)
// host: a DNS name (ASCII, xn-- for others), an IPv4 address, or an IPv6 address
// in brackets. No path, query or user: those do not belong to an endpoint.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.hpp"

namespace marquee::proxy {

enum class EndpointScheme : std::uint8_t { http, https, unix_socket, h2c, h2 };

struct Endpoint {
  EndpointScheme scheme = EndpointScheme::http;
  std::string host;         // lower case, no brackets, no final dot; unix: the path
  std::uint16_t port = 0;   // unix: 0
  bool ip_literal = false;  // `host` is an address: nothing to resolve, no SNI to send

  bool uses_tls() const { return scheme == EndpointScheme::https || scheme == EndpointScheme::h2; }
  // HTTP/2: one connection carries many requests.
  bool multiplexed() const { return scheme == EndpointScheme::h2c || scheme == EndpointScheme::h2; }
  bool uses_dns() const { return scheme != EndpointScheme::unix_socket && !ip_literal; }
  // For logs and records: "http://[2001:db8::1]:80", "unix:/run/app.sock".
  std::string text() const;
  // For a Host field: the port only if it is not the scheme's; unix: "localhost".
  std::string authority() const;

  bool operator==(const Endpoint&) const = default;
};

struct EndpointResult {
  std::optional<Endpoint> endpoint;
  std::string error;  // what is wrong and what to write instead, when there is no endpoint
};

EndpointResult parse_endpoint(std::string_view text);

// What must be equal for connections and health to survive a reload. TLS
// settings count for https and h2 only. `ca_digest` stands for the content of the CA
// file, so that a renewed file of the same name makes a new pool.
struct PoolKey {
  Endpoint endpoint;
  std::string server_name;  // effective: SNI and the name to verify
  std::string ca_file;
  std::string ca_digest;
  bool verify = true;

  bool operator==(const PoolKey&) const = default;
};

PoolKey pool_key(const Endpoint& endpoint, const config::UpstreamTls& tls,
                 std::string_view ca_digest);

}  // namespace marquee::proxy

template <>
struct std::hash<marquee::proxy::PoolKey> {
  std::size_t operator()(const marquee::proxy::PoolKey& key) const noexcept;
};
