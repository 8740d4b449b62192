// Settings of rate limits.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "config/mark.hpp"

namespace marquee::config {

// How often whom may ask (docs/rate-limits.md). What the words of a rule mean is
// decided by limits/rule.hpp.
struct RateRule {
  Mark mark;
  Marked<std::string> name;
  std::vector<Marked<std::string>> key;           // whom it counts by; none: all together
  std::vector<Marked<std::string>> host_classes;  // of these lists, empty is all
  std::vector<Marked<std::string>> paths;
  std::vector<Marked<std::string>> methods;
  std::vector<Marked<std::string>> subscriptions;
  std::vector<Marked<std::string>> plans;
  std::vector<Marked<std::string>> identities;
  Marked<std::string> rate;      // "100/s"; empty: `concurrent`
  std::uint32_t burst = 0;       // 0: the rate's number
  std::uint32_t cost = 1;        // of one request
  std::uint32_t concurrent = 0;  // requests in flight, per process
  bool shadow = false;
  bool fields = false;
  std::vector<Marked<std::string>> exempt;  // CIDR
  std::uint32_t ipv4_prefix = 32;
  std::uint32_t ipv6_prefix = 64;
};

enum class LimitMode : std::uint8_t { exact, leased };
enum class LimitFallback : std::uint8_t { local, open, closed };
enum class RowLimits : std::uint8_t { enforce, shadow, off };

// The store that all nodes share.
struct LimitRedis {
  Mark mark;
  // Where it is: one of `address`, `sentinels` and `cluster`, or none.
  Marked<std::string> address;                 // "host:port" or "unix:/path"
  std::vector<Marked<std::string>> sentinels;  // "host:port"
  Marked<std::string> master;                  // as the sentinels call it
  std::string sentinel_username;
  std::string sentinel_password;
  std::vector<Marked<std::string>> cluster;  // "host:port" of some of its nodes
  bool given() const { return !address->empty() || !sentinels.empty() || !cluster.empty(); }
  std::string username;
  std::string password;
  std::uint32_t database = 0;
  std::string key_prefix = "marquee";
  bool tls = false;
  std::string ca_file;  // empty: the system's roots
  Mark ca_mark;
  std::string server_name;  // empty: the address's host
  Ms timeout{20};           // one answer
};

struct RateLimits {
  Mark mark;
  std::vector<RateRule> rules;
  RowLimits rows = RowLimits::enforce;      // numbers in rows of the directory
  std::vector<Marked<std::string>> exempt;  // CIDR, of all rules
  std::uint64_t memory = 16u << 20;         // of the process's own counters
  LimitMode mode = LimitMode::exact;
  Mark mode_mark;
  LimitFallback on_failure = LimitFallback::local;
  LimitRedis redis;
};

}  // namespace marquee::config
