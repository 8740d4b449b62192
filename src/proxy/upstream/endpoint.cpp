#include "proxy/upstream/endpoint.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace marquee::proxy {
namespace {

constexpr std::pair<EndpointScheme, std::string_view> kPrefixes[] = {
    {EndpointScheme::http, "http://"},
    {EndpointScheme::https, "https://"},
    {EndpointScheme::h2c, "h2c://"},
    {EndpointScheme::h2, "h2://"}};

std::string prefix_of(EndpointScheme scheme) {
  for (const auto& [known, prefix] : kPrefixes)
    if (known == scheme) return std::string(prefix);
  return "unix:";
}

constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;

EndpointResult wrong(std::string_view text, std::string_view sentence) {
  // Control characters of a hostile or broken file stay out of messages.
  std::string shown(text.substr(0, 200));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return {std::nullopt, "\"" + shown + "\" " + std::string(sentence)};
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label(std::string_view label) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), good);
}

// A name whose last label is a number would be read as an address by others.
bool is_dns_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  for (;;) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !std::all_of(label.begin(), label.end(), is_digit);
    host.remove_prefix(dot + 1);
  }
}

// Rewrites `host` into the address's usual form.
bool normalise_ip(int family, std::string& host) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.find('\0') != std::string::npos || inet_pton(family, host.c_str(), bytes.data()) != 1) {
    return false;
  }
  inet_ntop(family, bytes.data(), text.data(), text.size());
  host = text.data();
  return true;
}

std::optional<std::uint16_t> parse_port(std::string_view s) {
  if (s.empty() || s.size() > 5 || !std::all_of(s.begin(), s.end(), is_digit)) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : s) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  if (value == 0 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

EndpointResult parse_unix(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (!path.starts_with('/') || path.starts_with("//")) {
    return wrong(text, "needs an absolute path: write unix:/run/app.sock");
  }
  if (path.size() > kMaxUnixPath) {
    return wrong(text, "has a path longer than the 107 bytes that a Unix socket can have");
  }
  if (std::any_of(path.begin(), path.end(),
                  [](char c) { return c >= 0 && (c < 0x20 || c == 0x7F); })) {
    return wrong(text, "has a control character in its path");
  }
  return {Endpoint{EndpointScheme::unix_socket, std::string(path), 0, false}, {}};
}

// Sets host, ip_literal; leaves what follows the host (":80" or nothing) in `rest`.
bool take_host(std::string_view& rest, Endpoint& out) {
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return false;
    out.host = rest.substr(1, end - 1);
    out.ip_literal = true;
    rest.remove_prefix(end + 1);
    return normalise_ip(AF_INET6, out.host);
  }
  const std::size_t colon = rest.find(':');
  out.host = rest.substr(0, colon);
  rest.remove_prefix(out.host.size());
  std::transform(out.host.begin(), out.host.end(), out.host.begin(), lower);
  if (normalise_ip(AF_INET, out.host)) {
    out.ip_literal = true;
    return true;
  }
  if (out.host.ends_with('.')) out.host.pop_back();
  return is_dns_name(out.host);
}

void hash_in(std::size_t& seed, std::size_t value) {
  seed ^= value + 0x9E3779B97F4A7C15u + (seed << 6) + (seed >> 2);
}

}  // namespace

EndpointResult parse_endpoint(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text);
  Endpoint e;
  std::string_view rest = text;
  const auto known = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                  [&](const auto& p) { return text.starts_with(p.second); });
  if (known == std::end(kPrefixes))
    return wrong(text, "must begin with http://, https://, h2://, h2c:// or unix:");
  e.scheme = known->first;
  rest.remove_prefix(known->second.size());
  if (rest.find('@') != std::string_view::npos) {
    return wrong(text, "must not hold a user or password: write only scheme, host and port");
  }
  if (rest.find_first_of("/?#") != std::string_view::npos) {
    return wrong(text, "must end after the host and port; paths are set by `path` of a domain");
  }
  if (!take_host(rest, e)) {
    return wrong(text,
                 std::count(rest.begin(), rest.end(), ':') > 1
                     ? "has an unclear host: write an IPv6 address in brackets, [2001:db8::1]"
                     : "has no valid host: write a DNS name (xn-- form if not ASCII), an IPv4 "
                       "address, or an IPv6 address in brackets");
  }
  if (rest.empty() && !e.uses_tls()) {
    return wrong(text, "needs a port: write " + std::string(text) + ":80");
  }
  if (rest.empty()) {
    e.port = 443;
    return {std::move(e), {}};
  }
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) {
    return wrong(text, std::count(rest.begin(), rest.end(), ':') > 1
                           ? "has an unclear host: write an IPv6 address in brackets, [2001:db8::1]"
                           : "has no valid port: write a number from 1 to 65535");
  }
  e.port = *port;
  return {std::move(e), {}};
}

std::string Endpoint::text() const {
  if (scheme == EndpointScheme::unix_socket) return "unix:" + host;
  const bool brackets = ip_literal && host.find(':') != std::string::npos;
  return prefix_of(scheme) + (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Endpoint::authority() const {
  if (scheme == EndpointScheme::unix_socket) return "localhost";
  std::string a = host;
  if (ip_literal && host.find(':') != std::string::npos) a = "[" + host + "]";
  if (port != (uses_tls() ? 443 : 80)) a += ":" + std::to_string(port);
  return a;
}

PoolKey pool_key(const Endpoint& endpoint, const config::UpstreamTls& tls,
                 std::string_view ca_digest) {
  PoolKey key{endpoint, {}, {}, {}, true};
  if (!endpoint.uses_tls()) return key;
  key.server_name = tls.server_name.empty() ? endpoint.host : tls.server_name;
  key.ca_file = tls.ca_file;
  key.ca_digest = ca_digest;
  key.verify = tls.verify;
  return key;
}

}  // namespace marquee::proxy

std::size_t std::hash<marquee::proxy::PoolKey>::operator()(
    const marquee::proxy::PoolKey& key) const noexcept {
  const std::hash<std::string> text;
  std::size_t seed = text(key.endpoint.host);
  marquee::proxy::hash_in(seed, key.endpoint.port);
  marquee::proxy::hash_in(seed, static_cast<std::size_t>(key.endpoint.scheme));
  marquee::proxy::hash_in(seed, text(key.server_name));
  marquee::proxy::hash_in(seed, text(key.ca_digest));
  return seed;
}
