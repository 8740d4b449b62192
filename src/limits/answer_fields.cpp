#include "limits/answer_fields.hpp"

#include <algorithm>

namespace marquee::limits {
namespace {

// Names are safe inside a structured field's string (config: letters, digits, -_.).
void append_name(std::string& list, const Rule& rule) {
  if (!list.empty()) list += ", ";
  list += '"';
  list += rule.name;
  list += '"';
}

void append_rule(AnswerFields& out, const Charge& c) {
  const Rule& rule = *c.rule;
  append_name(out.policy, rule);
  out.policy += ";q=" + std::to_string(c.limit.burst);
  out.policy += ";w=" + std::to_string(std::max<std::int64_t>(seconds_of(c.limit.depth), 1));
  append_name(out.state, rule);
  out.state += ";r=" + std::to_string(c.decision.remaining);
  out.state += ";t=" + std::to_string(seconds_of(c.decision.reset));
}

// In Unix seconds, and not earlier than it is.
std::string moment(std::int64_t unix_ms, Ticks after) {
  const Ticks after_ms = (after + kTicksPerSecond / 1000 - 1) / (kTicksPerSecond / 1000);
  return std::to_string((unix_ms + after_ms + 999) / 1000);
}

// Smaller is tighter.
double share_left(const Charge& c) {
  return static_cast<double>(c.decision.remaining) / std::max(1u, c.limit.burst);
}

}  // namespace

AnswerFields answer_fields(const Question& question, int refused_by, std::int64_t unix_ms) {
  AnswerFields out;
  const Charge* shown = nullptr;
  for (std::size_t i = 0; i < question.charges.size(); ++i) {
    const Charge& c = question.charges[i];
    const bool refuses = static_cast<int>(i) == refused_by;
    if (c.rule->shadow || !(c.rule->fields || refuses)) continue;
    append_rule(out, c);
    if (refuses || !shown || (refused_by < 0 && share_left(c) < share_left(*shown))) shown = &c;
    if (refuses) {
      const std::int64_t wait = seconds_of(c.decision.retry_after);
      out.retry_after = std::to_string(std::max<std::int64_t>(wait, 1));
    }
  }
  if (refused_by >= 0) shown = &question.charges[static_cast<std::size_t>(refused_by)];
  if (!shown) return out;
  out.limit = std::to_string(shown->limit.burst);
  out.remaining = std::to_string(shown->decision.remaining);
  out.reset = moment(unix_ms, shown->decision.reset);
  return out;
}

AnswerFields concurrent_fields(const Rule& rule, std::int64_t unix_ms) {
  AnswerFields out;
  append_name(out.policy, rule);
  out.policy += ";q=" + std::to_string(rule.concurrent) + ";qu=\"concurrent-requests\"";
  append_name(out.state, rule);
  out.state += ";r=0";
  out.limit = std::to_string(rule.concurrent);
  out.remaining = "0";
  out.reset = moment(unix_ms, kTicksPerSecond);
  out.retry_after = "1";
  return out;
}

std::string refusal_json(const Rule& rule, const AnswerFields& fields) {
  return "{\"error\":\"Rate limit exceeded\",\"code\":\"RATE_LIMITED\",\"retryAfter\":" +
         (fields.retry_after.empty() ? std::string("1") : fields.retry_after) + ",\"limit\":\"" +
         rule.name + "\"}";
}

}  // namespace marquee::limits
