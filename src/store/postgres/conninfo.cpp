#include "store/postgres/conninfo.hpp"

#include <algorithm>
#include <charconv>

#include "base/ip.hpp"

namespace marquee::store::postgres {
namespace {

constexpr std::size_t kMostLine = 300;
constexpr int kMostConnectSeconds = 300;

}  // namespace

std::optional<Conninfo> parse_conninfo(const std::string& url, std::string& why) {
  auto parsed = PostgresUrl::parse(url, why);
  if (!parsed) return std::nullopt;
  Conninfo info;
  info.description = parsed->shown();
  info.hosts = std::move(parsed->hosts);
  for (auto& host : info.hosts)
    if (host.address.empty() && base::IpAddress::parse(host.host)) host.address = host.host;
  for (auto& [key, value] : parsed->options) {
    if (key == "connect_timeout") {
      int seconds = 0;
      std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (seconds > 0)
        info.connect_timeout = std::chrono::seconds(std::min(seconds, kMostConnectSeconds));
    } else if (key != "client_encoding") {
      info.parameters.emplace_back(std::move(key), std::move(value));
    }
  }
  const auto fallback = [&info](std::string_view key, std::string_view value) {
    const bool given = std::any_of(info.parameters.begin(), info.parameters.end(),
                                   [key](const auto& p) { return p.first == key; });
    if (!given) info.parameters.emplace_back(key, value);
  };
  fallback("application_name", "marquee");
  fallback("gssencmode", "disable");  // its negotiation blocks
  fallback("keepalives_idle", "15");
  fallback("keepalives_interval", "5");
  fallback("keepalives_count", "3");
  info.parameters.emplace_back("client_encoding", "UTF8");
  return info;
}

bool needs_resolving(const PostgresUrl::Host& host) {
  return host.address.empty() && !host.host.empty() && !host.is_unix();
}

std::string one_line(std::string_view message) {
  std::string out;
  for (const char c : message.substr(0, kMostLine)) {
    const bool space = static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? "no reason was given" : out;
}

}  // namespace marquee::store::postgres
