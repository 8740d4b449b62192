// What an answer tells of its limits:
//   RateLimit-Policy: "per-visitor";q=100;w=60     draft-ietf-httpapi-ratelimit-headers-10
//   RateLimit: "per-visitor";r=12;t=53
//   X-RateLimit-Limit / -Remaining / -Reset         the platform's; Reset in Unix seconds
//   Retry-After                                     RFC 9110 10.2.3, of refused ones
// q is the burst and w the seconds in which it comes back as a whole; r is what could
// still come at once, t the seconds until all of it is back. The X- fields are those
// of the rule that refused or, where none did, of the one with least left. Pure.
#pragma once
#include <cstdint>
#include <string>

#include "limits/rule.hpp"

namespace marquee::limits {

struct AnswerFields {
  std::string policy;
  std::string state;
  std::string limit;
  std::string remaining;
  std::string reset;
  std::string retry_after;  // only of refused ones
  bool empty() const { return policy.empty(); }
};

// Of rules with `fields`, and the one that refused: `refused_by` as in Verdict.
AnswerFields answer_fields(const Question& question, int refused_by, std::int64_t unix_ms);
// Of a rule on requests in flight that refused.
AnswerFields concurrent_fields(const Rule& rule, std::int64_t unix_ms);

// {"error": ..., "code": "RATE_LIMITED", "retryAfter": seconds, "limit": name}
std::string refusal_json(const Rule& rule, const AnswerFields& fields);

}  // namespace marquee::limits
