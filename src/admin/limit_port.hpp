// What /v1/limits asks of the program. Called on the control thread; none may block,
// `done` is called once, on the control thread, during the call or later.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace marquee::admin {

struct LimitRule {
  std::string name;
  std::string rate;    // "100/s"; empty: the rule is by rows, or on requests in flight
  std::string source;  // "settings" or "rows"
  std::string per;     // of a rule by rows: "minute", "hour", "day"
  std::uint32_t burst = 0, cost = 1, concurrent = 0;
  std::vector<std::string> key;
  bool shadow = false, fields = false;
  std::uint64_t allowed = 0, refused = 0, shadow_refused = 0;  // since the start
};

struct RefusedTenant {
  std::string rule, tenant;
  std::uint64_t count = 0;
};

struct LimitsStatus {
  std::string mode;        // "local", "exact", "leased"
  std::string on_failure;  // "local", "open", "closed"
  std::uint32_t nodes = 1;
  std::string redis;  // its address; empty: there is none
  // Workers, and those whose breaker is closed: they ask Redis.
  std::uint32_t workers = 0, asking = 0;
  // Of a Cluster: its masters, and those that each worker asks, by the worst of them.
  std::uint32_t masters = 0, masters_asked = 0;
  std::uint64_t breaker_opened = 0, fallbacks = 0;  // since the start
  std::uint64_t capacity = 0, evictions = 0;        // of the process's own counters
  std::vector<LimitRule> rules;
  std::vector<RefusedTenant> top_refused;
};

struct LimitKey {
  std::string rule;
  std::vector<std::pair<std::string, std::string>> parts;  // "agency" -> its id
  std::uint32_t number = 0;  // of a rule by rows: what the row allows; 0: not said
};

// A counter as it is now.
struct LimitCounter {
  std::optional<std::uint32_t> remaining;  // nothing: the number is a row's, not said
  double reset = 0;                        // seconds until it is as if never used
};
// Units that a worker of this process holds.
struct LimitLease {
  std::uint32_t worker = 0;
  std::int64_t units = 0;  // borrowed, not used
  std::int64_t owed = 0;   // used, not charged yet
};

struct LimitKeyState {
  unsigned status = 200;
  std::string problem;  // a sentence, where the status is not 200
  std::string rule, key;
  bool concurrent = false;
  std::int64_t in_flight = 0;  // with concurrent, in this process
  LimitCounter local;
  bool has_redis = false;
  std::optional<LimitCounter> redis;  // nothing: it did not answer
  std::vector<LimitLease> leases;     // of this process, with mode leased
};

class LimitPort {
 public:
  virtual ~LimitPort() = default;
  virtual LimitsStatus limits() = 0;
  virtual void look(LimitKey key, std::function<void(LimitKeyState)> done) = 0;
  // The state is the one before. Requests in flight are not forgotten: they end.
  virtual void reset(LimitKey key, std::function<void(LimitKeyState)> done) = 0;
};

}  // namespace marquee::admin
