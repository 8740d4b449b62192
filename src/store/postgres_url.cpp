#include "store/postgres_url.hpp"

#include <libpq-fe.h>

#include <memory>

namespace marquee::store {
namespace {

struct Free {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  void operator()(char* text) const { PQfreemem(text); }
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (;;) {
    const auto comma = text.find(',', begin);
    out.push_back(text.substr(begin, comma - begin));
    if (comma == std::string::npos) return out;
    begin = comma + 1;
  }
}

}  // namespace

std::optional<PostgresUrl> PostgresUrl::parse(const std::string& url, std::string& error) {
  char* said = nullptr;
  const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(url.c_str(), &said));
  const std::unique_ptr<char, Free> message(said);
  if (!parsed) {
    // libpq's own words may hold the password: `invalid port "..."`.
    error =
        "the database URL cannot be read; write "
        "postgresql://USER:PASSWORD@HOST:5432/DATABASE, with %40 for @ in a password";
    return std::nullopt;
  }
  PostgresUrl out;
  std::string hosts, addresses, ports;
  for (const PQconninfoOption* o = parsed.get(); o->keyword; ++o) {
    if (!o->val || !*o->val) continue;
    const std::string_view keyword = o->keyword;
    if (keyword == "host")
      hosts = o->val;
    else if (keyword == "hostaddr")
      addresses = o->val;
    else if (keyword == "port")
      ports = o->val;
    else
      out.options.emplace_back(o->keyword, o->val);
    if (keyword == "dbname") out.database = o->val;
  }
  const auto host_list = split(hosts);
  const auto address_list = split(addresses);
  const auto port_list = split(ports);
  const std::size_t count = std::max(host_list.size(), address_list.size());
  if (count > kMostHosts ||
      (!addresses.empty() && !hosts.empty() && address_list.size() != host_list.size()) ||
      (port_list.size() > 1 && port_list.size() != count)) {
    error =
        "the database URL has hosts, addresses and ports of different number, or more than 16 "
        "hosts; write HOST:PORT,HOST:PORT";
    return std::nullopt;
  }
  for (std::size_t i = 0; i < count; ++i) {
    Host host;
    if (i < host_list.size()) host.host = host_list[i];
    if (i < address_list.size()) host.address = address_list[i];
    host.port = port_list.size() > 1 ? port_list[i] : port_list[0];
    if (host.port.empty()) host.port = "5432";
    if (host.host.empty() && host.address.empty()) host.host = "localhost";
    out.hosts.push_back(std::move(host));
  }
  return out;
}

std::string PostgresUrl::shown() const {
  std::string out = "postgres ";
  for (const Host& host : hosts) {
    if (&host != &hosts.front()) out += ",";
    out += (host.host.empty() ? host.address : host.host) + ":" + host.port;
  }
  return out + "/" + database;
}

}  // namespace marquee::store
