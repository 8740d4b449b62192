// The question to Redis and its answer, without a connection: one Lua script
// decides all charges of a request at one instant of Redis's clock.
//
//   KEYS  one for each charge
//   ARGV  for each charge: depth, price (both in ticks), 1 if it can refuse
//   ->    1 if it was admitted, then each key's debt in ticks before it was charged
//
// A key holds its theoretical arrival time in ticks since 2025 as a decimal
// number: 53 bits, which is what Lua keeps exactly, last until 2042. It expires
// when its debt is paid.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limits/rule.hpp"

namespace marquee::limits {

extern const std::string_view kDecideScript;
// Lower-case hex SHA-1 of a script: its name for EVALSHA. Computed by Redis (SCRIPT
// LOAD), so none is kept here.

// KEYS[1] a sorted set, ARGV: the node's name, and for how many seconds a node
// counts that says nothing. -> number of nodes.
extern const std::string_view kNodesScript;

// Units lent to a worker (leases.hpp). KEYS[1] the same as above, ARGV: depth and
// unit in ticks, units to charge in any case, units to charge as far as they fit.
// -> units that did, debt with them.
extern const std::string_view kLeaseScript;

// "PREFIX:{agency=ID}:KEY" for keys of a tenant, so that in a Cluster they stand
// together; "PREFIX:KEY" for others.
std::string redis_key(std::string_view prefix, std::string_view tag, std::string_view key);

// EVALSHA or EVAL with everything behind it. Kept and used again.
class ScriptCall {
 public:
  // `script`: the name, or the text with `by_name` false.
  void compose(const Question& question, std::string_view prefix, std::string_view script,
               bool by_name);
  std::span<const std::string_view> words() const { return words_; }

 private:
  std::string text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places_;
  std::vector<std::string_view> words_;
};

// Fills in the decisions from the debts of an answer; false when it is not an
// answer to this question.
bool read_answer(std::span<const std::int64_t> items, Question& question);

}  // namespace marquee::limits
