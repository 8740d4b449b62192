#include "config/address.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <utility>

#include "config/text.hpp"

namespace marquee::config {
namespace {

constexpr std::size_t kMostUnixPath = 107;  // sockaddr_un, with its end

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = text.size() <= 5 ? parse_number(text) : std::nullopt;
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

// By its scheme; none: another scheme, or none.
std::optional<Endpoint::Kind> kind_of(std::string_view text) {
  constexpr std::pair<std::string_view, Endpoint::Kind> schemes[] = {
      {"http://", Endpoint::Kind::http},
      {"https://", Endpoint::Kind::https},
      {"h2://", Endpoint::Kind::h2},
      {"h2c://", Endpoint::Kind::h2c}};
  for (const auto& [scheme, kind] : schemes)
    if (text.starts_with(scheme)) return kind;
  return std::nullopt;
}

// The path of a "unix:" address.
std::optional<std::string> unix_path(std::string_view text, std::string& complaint) {
  const std::string_view path = text.substr(5);
  if (path.empty() || path[0] != '/' || path.substr(0, 2) == "//") {
    complaint = "whose path is not absolute; write unix:/run/name.sock";
  } else if (path.size() > kMostUnixPath) {
    complaint = "whose path is longer than the 107 bytes of a Unix socket; write a shorter one";
  } else if (has_control(path) || path.back() == '/') {
    complaint = "whose path does not name a file; write unix:/run/name.sock";
  } else {
    return std::string(path);
  }
  return std::nullopt;
}

struct HostPort {
  std::string_view host;
  std::string_view port;
  bool bracketed = false;
  bool has_port = false;
};

// Splits "host:port" and "[v6]:port"; nothing if brackets do not match.
std::optional<HostPort> split(std::string_view text) {
  HostPort out;
  std::string_view rest;
  if (!text.empty() && text[0] == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    out.bracketed = true;
    rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return std::nullopt;
  } else {
    const auto colon = text.rfind(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  out.has_port = !rest.empty();
  if (out.has_port) out.port = rest.substr(1);
  return out;
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : host) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
    if (c == '.' ? label == 0 : !word || label == 63) return false;
    label = c == '.' ? 0 : label + 1;
  }
  return true;
}

bool to_bytes(int family, std::string_view text, unsigned char* bytes) {
  char copy[64];
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos)
    return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return ::inet_pton(family, copy, bytes) == 1;
}

std::string listen_hint(const std::optional<HostPort>& parts, std::string_view text) {
  const auto port = parts ? parse_port(parts->has_port ? parts->port : text) : std::nullopt;
  const std::string p = port ? std::to_string(*port) : "8443";
  if (parts && lower_case(parts->host) == "localhost") return "127.0.0.1:" + p + " or [::1]:" + p;
  return "0.0.0.0:" + p + " or [::]:" + p;
}

}  // namespace

bool is_ipv4(std::string_view text) {
  unsigned char bytes[16];
  return to_bytes(AF_INET, text, bytes);
}

bool is_ipv6(std::string_view text) {
  unsigned char bytes[16];
  return to_bytes(AF_INET6, text, bytes);
}

std::optional<ListenAddress> parse_listen_address(std::string_view text, std::string& complaint) {
  ListenAddress out;
  if (text.substr(0, 5) == "unix:") {
    auto path = unix_path(text, complaint);
    if (!path) return std::nullopt;
    out.is_unix = true;
    out.path = *path;
    return out;
  }
  const auto parts = split(text);
  const auto port = parts && parts->has_port ? parse_port(parts->port) : std::nullopt;
  if (is_ipv6(text)) {
    complaint = "which has no port, or no brackets around its IPv6 address; write [" +
                std::string(text) + "]:8443";
  } else if (parts && parts->has_port && !port && !parts->host.empty()) {
    complaint = "whose port is not a number from 0 to 65535; write " + listen_hint(parts, text);
  } else if (!port || !(parts->bracketed ? is_ipv6(parts->host) : is_ipv4(parts->host))) {
    complaint = "which is not an IP address with a port; write " + listen_hint(parts, text);
  } else {
    out.is_v6 = parts->bracketed;
    out.host = std::string(parts->host);
    out.port = *port;
    return out;
  }
  return std::nullopt;
}

std::optional<Endpoint> parse_endpoint(std::string_view text, std::string& complaint) {
  Endpoint out;
  if (text.substr(0, 5) == "unix:") {
    auto path = unix_path(text, complaint);
    if (!path) return std::nullopt;
    out.kind = Endpoint::Kind::unix_socket;
    out.path = *path;
    return out;
  }
  const auto kind = kind_of(text);
  if (!kind) {
    const bool scheme = text.find("://") != std::string_view::npos;
    const auto bare = split(text);
    const bool host = !scheme && bare && (is_name(bare->host) || bare->bracketed);
    complaint = "which does not begin with http://, https://, h2://, h2c:// or unix:; write " +
                (host ? "http://" + std::string(text) : std::string("http://127.0.0.1:9000"));
    return std::nullopt;
  }
  const std::string_view prefix = text.substr(0, text.find("://") + 3);
  out.kind = *kind;
  std::string_view rest = text.substr(prefix.size());
  if (rest.find('@') != std::string_view::npos) {
    complaint =
        "which holds a user name; remove it, and set an Authorization field in request_fields";
    return std::nullopt;
  }
  if (const auto tail = rest.find_first_of("/?#"); tail != std::string_view::npos) {
    complaint = "which has a path or query; write " +
                std::string(text.substr(0, text.size() - rest.size() + tail)) +
                ", and the path in the \"path\" of the domain";
    return std::nullopt;
  }
  const auto parts = split(rest);
  const bool host = parts && (parts->bracketed ? is_ipv6(parts->host) : is_name(parts->host));
  if (!host) {
    complaint =
        is_ipv6(rest)
            ? "which has no brackets around its IPv6 address; write " + std::string(prefix) + "[" +
                  std::string(rest) + "]:9000"
            : "which has no valid host; write http://127.0.0.1:9000 or https://app.example.com";
    return std::nullopt;
  }
  const auto port = parts->has_port ? parse_port(parts->port)
                                    : std::optional<std::uint16_t>(out.uses_tls() ? 443 : 80);
  if (!port || *port == 0) {
    complaint =
        "whose port is not a number from 1 to 65535; write for example http://127.0.0.1:9000";
    return std::nullopt;
  }
  out.host = std::string(parts->host);
  out.port = *port;
  return out;
}

std::optional<Network> parse_network(std::string_view text, std::string& complaint) {
  Network out;
  const auto slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  out.is_v6 = to_bytes(AF_INET6, address, out.bytes);
  if (!out.is_v6 && !to_bytes(AF_INET, address, out.bytes)) {
    complaint = "which is not a network; write for example 10.0.0.0/8 or 2001:db8::/32";
    return std::nullopt;
  }
  const unsigned bits = out.is_v6 ? 128 : 32;
  out.prefix = bits;
  if (slash == std::string_view::npos) return out;
  const auto prefix = parse_number(text.substr(slash + 1));
  if (!prefix || *prefix > bits) {
    complaint = "whose prefix is not a number from 0 to " + std::to_string(bits) +
                "; write for example " + std::string(address) + "/" + std::to_string(bits);
    return std::nullopt;
  }
  out.prefix = static_cast<unsigned>(*prefix);
  unsigned char masked[16];
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned keep = out.prefix >= 8 * (i + 1) ? 8
                          : out.prefix <= 8 * i     ? 0
                                                    : out.prefix - 8 * i;
    masked[i] = static_cast<unsigned char>(out.bytes[i] & (0xFF00u >> keep) & 0xFFu);
  }
  if (std::memcmp(masked, out.bytes, bits / 8) != 0) {
    char shown[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(out.is_v6 ? AF_INET6 : AF_INET, masked, shown, sizeof shown);
    complaint = "which has bits beyond its prefix; write " + std::string(shown) + "/" +
                std::to_string(out.prefix);
    return std::nullopt;
  }
  return out;
}

}  // namespace marquee::config
