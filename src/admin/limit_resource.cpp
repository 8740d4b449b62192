#include "admin/limit_resource.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <optional>

namespace marquee::admin {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostParts = 12;
constexpr std::size_t kMostValue = 512;

Response problem(unsigned status, std::string detail) {
  return problem_response({status, std::move(detail), {}, {}});
}

Response as_json(const json::object& object) {
  Response out;
  out.body = json::serialize(object);
  return out;
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object rule_json(const LimitRule& rule) {
  json::array key;
  for (const std::string& part : rule.key) key.emplace_back(part);
  return {{"name", rule.name},
          {"source", rule.source},
          {"rate", text_or_null(rule.rate)},
          {"per", text_or_null(rule.per)},
          {"burst", rule.burst ? json::value(rule.burst) : json::value(nullptr)},
          {"cost", rule.cost},
          {"concurrent", rule.concurrent ? json::value(rule.concurrent) : json::value(nullptr)},
          {"key", std::move(key)},
          {"shadow", rule.shadow},
          {"fields", rule.fields},
          {"allowed", rule.allowed},
          {"refused", rule.refused},
          {"shadow_refused", rule.shadow_refused}};
}

json::value number_or_null(bool there, std::uint32_t number) {
  return there ? json::value(number) : json::value(nullptr);
}

const char* breaker(const LimitsStatus& status) {
  if (status.asking == status.workers) return "closed";
  return status.asking == 0 && status.masters_asked == 0 ? "open" : "open for some";
}

json::object status_json(const LimitsStatus& status) {
  json::array rules, top;
  for (const LimitRule& rule : status.rules) rules.push_back(rule_json(rule));
  for (const RefusedTenant& t : status.top_refused)
    top.push_back(json::object{{"rule", t.rule}, {"tenant", t.tenant}, {"count", t.count}});
  json::value redis = nullptr;
  if (!status.redis.empty())
    redis = json::object{{"address", status.redis},
                         {"workers", status.workers},
                         {"asking", status.asking},
                         {"masters", number_or_null(status.masters, status.masters)},
                         {"masters_asked", number_or_null(status.masters, status.masters_asked)},
                         {"breaker", breaker(status)},
                         {"breaker_opened", status.breaker_opened},
                         {"fallbacks", status.fallbacks}};
  return {{"mode", status.mode},
          {"on_failure", status.on_failure},
          {"nodes", status.nodes},
          {"redis", std::move(redis)},
          {"local", json::object{{"capacity", status.capacity}, {"evictions", status.evictions}}},
          {"rules", std::move(rules)},
          {"top_refused", std::move(top)}};
}

json::object counter_json(const LimitCounter& counter) {
  return {{"remaining", counter.remaining ? json::value(*counter.remaining) : json::value(nullptr)},
          {"reset", counter.reset}};
}

json::object state_json(const LimitKeyState& state) {
  json::array leases;
  for (const LimitLease& lease : state.leases)
    leases.push_back(
        json::object{{"worker", lease.worker}, {"units", lease.units}, {"owed", lease.owed}});
  return {
      {"rule", state.rule},
      {"key", state.key},
      {"in_flight", state.concurrent ? json::value(state.in_flight) : json::value(nullptr)},
      {"local", state.concurrent ? json::value(nullptr) : json::value(counter_json(state.local))},
      {"redis", state.redis ? json::value(counter_json(*state.redis)) : json::value(nullptr)},
      {"redis_answered", state.has_redis ? json::value(state.redis.has_value()) : nullptr},
      {"leases", std::move(leases)}};
}

// The parts of a key, and `limit`; nothing: malformed.
std::optional<LimitKey> read_key(const Request& request) {
  LimitKey out;
  out.rule = request.id;
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == part.npos || equals == 0) return std::nullopt;
    auto value = percent_decoded(part.substr(equals + 1));
    const std::string name(part.substr(0, equals));
    if (!value || value->empty() || value->size() > kMostValue || out.parts.size() == kMostParts)
      return std::nullopt;
    if (name == "limit") {
      const char* const end = value->data() + value->size();
      if (std::from_chars(value->data(), end, out.number).ptr != end || out.number == 0)
        return std::nullopt;
      continue;
    }
    for (const auto& [known, unused] : out.parts)
      if (known == name) return std::nullopt;
    out.parts.emplace_back(name, *std::move(value));
  }
  return out;
}

using Act = void (LimitPort::*)(LimitKey, std::function<void(LimitKeyState)>);

std::function<void(Request, Respond)> on_key(LimitPort& port, Act act) {
  return [&port, act](const Request& request, Respond respond) {
    auto key = read_key(request);
    if (!key)
      return respond(problem(400,
                             "Write /v1/limits/RULE?PART=VALUE&..., each part of the rule's key "
                             "once, and for a rule by rows limit=N."));
    (port.*act)(*std::move(key), [respond = std::move(respond)](const LimitKeyState& state) {
      respond(state.status == 200 ? as_json(state_json(state))
                                  : problem(state.status, state.problem));
    });
  };
}

}  // namespace

std::vector<Route> limit_routes(LimitPort& port) {
  return {{"GET", "/v1/limits",
           [&port](const Request& request, const Respond& respond) {
             if (!request.query.empty())
               return respond(problem(400,
                                      "The list takes no query; one counter is "
                                      "/v1/limits/RULE?PART=VALUE."));
             respond(as_json(status_json(port.limits())));
           }},
          {"GET", "/v1/limits/{id}", on_key(port, &LimitPort::look)},
          {"DELETE", "/v1/limits/{id}", on_key(port, &LimitPort::reset)}};
}

}  // namespace marquee::admin
