// What is wrong with the rate limits of the settings, beyond what their grammar says.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "limits/rule.hpp"

namespace marquee::limits {

std::vector<config::Problem> check(const config::Settings& settings);

// "100/s", "600/m", "1000/h", "10000/d".
struct Rate {
  std::uint64_t count = 0;
  std::uint64_t seconds = 1;
};
std::optional<Rate> parse_rate(std::string_view text);
// "host:6379", "[::1]:6379", "unix:/run/redis.sock".
struct RedisPlace {
  std::string path;  // of a Unix socket; empty: `host` and `port`
  std::string host;  // name or address, without brackets
  std::uint16_t port = 0;
};
std::optional<RedisPlace> parse_redis_address(std::string_view text);
std::optional<Part> parse_part(std::string_view text);

}  // namespace marquee::limits
