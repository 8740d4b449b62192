// What a connection is made with: the URL taken apart, and what Marquee adds. Pure.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/postgres_url.hpp"

namespace marquee::store::postgres {

struct Conninfo {
  std::vector<PostgresUrl::Host> hosts;                         // 1 or more
  std::vector<std::pair<std::string, std::string>> parameters;  // all the rest; holds the password
  std::optional<std::chrono::seconds> connect_timeout;          // where the URL has one
  std::string description;  // "postgres db1:5432,db2:5432/platform": no user, no password
};

// Otherwise a sentence, in which no part of the URL is repeated.
std::optional<Conninfo> parse_conninfo(const std::string& url, std::string& why);

// Whether its name has to be looked up first.
bool needs_resolving(const PostgresUrl::Host& host);

// What libpq says, as one short line.
std::string one_line(std::string_view message);

}  // namespace marquee::store::postgres
