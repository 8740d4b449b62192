// A database URL taken apart: libpq's own parser, but hosts stand alone, as
// Marquee resolves their names itself and tries them in turn. Pure.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee::store::postgres {

struct DatabaseHost {
  std::string host;     // name, address, or "/folder" of a Unix socket; may be empty
  std::string address;  // hostaddr, where the URL or the host gives one; else to be resolved
  std::string port;     // may be empty: libpq's default
  bool needs_resolving() const { return address.empty() && !host.empty() && !is_unix(); }
  bool is_unix() const { return !host.empty() && (host[0] == '/' || host[0] == '@'); }
};

struct Conninfo {
  std::vector<DatabaseHost> hosts;                              // 1 or more
  std::vector<std::pair<std::string, std::string>> parameters;  // all the rest; holds the password
  std::optional<std::chrono::seconds> connect_timeout;          // where the URL has one
  std::string description;  // "postgres db1:5432,db2:5432/platform": no user, no password
};

// Otherwise a sentence, in which no part of the URL is repeated.
std::optional<Conninfo> parse_conninfo(const std::string& url, std::string& why);

// What libpq says, as one short line.
std::string one_line(std::string_view message);

}  // namespace marquee::store::postgres
