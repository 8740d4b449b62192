#include "store/postgres/conninfo.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/ip.hpp"

namespace marquee::store::postgres {
namespace {

constexpr std::size_t kMostHosts = 16;
constexpr std::size_t kMostLine = 300;

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  if (list.empty()) return out;
  for (std::size_t start = 0;;) {
    const std::size_t comma = list.find(',', start);
    out.emplace_back(list.substr(start, comma - start));
    if (comma == std::string_view::npos) return out;
    start = comma + 1;
  }
}

// One for each host; a single one is for all.
const std::string& nth(const std::vector<std::string>& list, std::size_t i) {
  static const std::string none;
  if (list.size() == 1) return list[0];
  return i < list.size() ? list[i] : none;
}

std::string describe(const Conninfo& info, std::string_view database) {
  std::string out = "postgres ";
  for (std::size_t i = 0; i < info.hosts.size(); ++i) {
    const DatabaseHost& h = info.hosts[i];
    if (i > 0) out += ',';
    out += h.host.empty() ? h.address : h.host;
    if (!h.port.empty()) out.append(":").append(h.port);
  }
  return out.append("/").append(database);
}

bool take_hosts(Conninfo& info, std::string_view host_list, std::string_view address_list,
                std::string_view port_list, std::string& why) {
  const auto hosts = split(host_list);
  const auto addresses = split(address_list);
  const auto ports = split(port_list);
  const std::size_t count = std::max<std::size_t>({1, hosts.size(), addresses.size()});
  if (count > kMostHosts) {
    why = "the database URL has more than 16 hosts; write fewer";
    return false;
  }
  if ((!hosts.empty() && hosts.size() != count) ||
      (!addresses.empty() && addresses.size() != count) ||
      (ports.size() > 1 && ports.size() != count)) {
    why =
        "the database URL has lists of hosts, addresses and ports of different lengths; write "
        "HOST:PORT,HOST:PORT";
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    DatabaseHost h{i < hosts.size() ? hosts[i] : "", i < addresses.size() ? addresses[i] : "",
                   nth(ports, i)};
    if (h.address.empty() && base::IpAddress::parse(h.host)) h.address = h.host;
    info.hosts.push_back(std::move(h));
  }
  return true;
}

}  // namespace

std::optional<Conninfo> parse_conninfo(const std::string& url, std::string& why) {
  // libpq's sentence may repeat the URL, and so the password.
  char* unused = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), &unused), &PQconninfoFree);
  PQfreemem(unused);
  if (!options) {
    why =
        "the database URL cannot be read; write "
        "postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, with special "
        "characters of the password as %XX";
    return std::nullopt;
  }
  Conninfo info;
  std::string host, address, port, database;
  for (const PQconninfoOption* o = options.get(); o->keyword; ++o) {
    if (!o->val) continue;
    const std::string_view key = o->keyword;
    if (key == "host") {
      host = o->val;
    } else if (key == "hostaddr") {
      address = o->val;
    } else if (key == "port") {
      port = o->val;
    } else if (key == "connect_timeout") {
      int seconds = 0;
      const std::string_view text = o->val;
      std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (seconds > 0) info.connect_timeout = std::chrono::seconds(std::min(seconds, 300));
    } else {
      if (key == "dbname") database = o->val;
      info.parameters.emplace_back(key, o->val);
    }
  }
  if (!take_hosts(info, host, address, port, why)) return std::nullopt;
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
  info.description = describe(info, database);
  return info;
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
