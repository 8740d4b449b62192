#include "limits/redis_script.hpp"

#include <charconv>

namespace marquee::limits {

const std::string_view kDecideScript = R"lua(
local time = redis.call('TIME')
local now = (time[1] - 1735689600) * 16000000 + time[2] * 16
local held = redis.call('MGET', unpack(KEYS))
local admitted = 1
local answer = {1}
for i = 1, #KEYS do
  local depth = tonumber(ARGV[3 * i - 2])
  local debt = (tonumber(held[i] or 0) or 0) - now
  if debt < 0 then debt = 0 elseif debt > depth then debt = depth end
  answer[i + 1] = debt
  if ARGV[3 * i] == '1' and debt + ARGV[3 * i - 1] > depth then admitted = 0 end
end
answer[1] = admitted
if admitted == 1 then
  for i = 1, #KEYS do
    local debt = answer[i + 1] + ARGV[3 * i - 1]
    if debt <= tonumber(ARGV[3 * i - 2]) then
      redis.call('SET', KEYS[i], string.format('%.0f', now + debt),
                 'PX', string.format('%.0f', math.ceil(debt / 16000) + 1))
    end
  end
end
return answer
)lua";

// What was used on credit is charged beyond the limit, too, to twice its depth: a
// clock that was set back must not lock anyone out.
const std::string_view kLeaseScript = R"lua(
local time = redis.call('TIME')
local now = (time[1] - 1735689600) * 16000000 + time[2] * 16
local depth, unit = tonumber(ARGV[1]), tonumber(ARGV[2])
local debt = (tonumber(redis.call('GET', KEYS[1]) or 0) or 0) - now
if debt < 0 then debt = 0 elseif debt > 2 * depth then debt = 2 * depth end
debt = debt + ARGV[3] * unit
local units = math.min(math.max(math.floor((depth - debt) / unit), 0), tonumber(ARGV[4]))
debt = debt + units * unit
if debt > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + debt),
             'PX', string.format('%.0f', math.ceil(debt / 16000) + 1))
end
return {units, debt}
)lua";

const std::string_view kNodesScript = R"lua(
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], 60)
return redis.call('ZCARD', KEYS[1])
)lua";

std::string redis_key(std::string_view prefix, std::string_view tag, std::string_view key) {
  std::string out(prefix);
  out += ':';
  if (!tag.empty()) {
    out += '{';
    out += tag;
    out += "}:";
  }
  out += key;
  return out;
}

void ScriptCall::compose(const Question& question, std::string_view prefix, std::string_view script,
                         bool by_name) {
  text_.clear();
  places_.clear();
  const auto begin = [&] { places_.emplace_back(text_.size(), 0); };
  const auto end = [&] {
    places_.back().second = static_cast<std::uint32_t>(text_.size()) - places_.back().first;
  };
  const auto number = [&](std::int64_t value) {
    char digits[24];
    const auto done = std::to_chars(digits, digits + sizeof digits, value);
    begin();
    text_.append(digits, done.ptr);
    end();
  };
  number(static_cast<std::int64_t>(question.charges.size()));
  for (const Charge& c : question.charges) {
    begin();
    text_ += prefix;
    text_ += ':';
    if (c.tag_size > 0) {
      text_ += '{';
      text_ += question.tag(c);
      text_ += "}:";
    }
    text_ += question.key(c);
    end();
  }
  for (const Charge& c : question.charges) {
    number(c.limit.depth);
    number(c.limit.unit * c.cost);
    number(c.rule->shadow ? 0 : 1);
  }
  words_.clear();
  words_.emplace_back(by_name ? "EVALSHA" : "EVAL");
  words_.push_back(script);
  for (const auto& [at, size] : places_) words_.push_back(std::string_view(text_).substr(at, size));
}

bool read_answer(std::span<const std::int64_t> items, Question& question) {
  auto& charges = question.charges;
  if (items.size() != charges.size() + 1 || items[0] < 0 || items[0] > 1) return false;
  const bool admitted = items[0] == 1;
  for (std::size_t i = 0; i < charges.size(); ++i) {
    const Limit& limit = charges[i].limit;
    const std::int64_t owed = items[i + 1];
    if (owed < 0 || owed > limit.depth) return false;
    Decision& d = charges[i].decision;
    d = decide(owed, 0, limit, charges[i].cost);
    if (!admitted && d.allowed) d = decide(owed, 0, limit, 0);  // nothing was charged
  }
  return admitted == (refused_by(question) < 0);
}

}  // namespace marquee::limits
