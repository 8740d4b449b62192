#include "app/limits_command.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <optional>

#include "admin/resource.hpp"
#include "app/remote.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;

int fail(const std::string& sentence) {
  std::cerr << "marquee: " << sentence << "\n";
  return exit_code::failed;
}

// "/v1/limits/RULE?part=value&..."; nothing: KEY is none.
std::optional<std::string> path_of(const LimitsOptions& options) {
  const std::string_view key = options.key;
  const std::size_t colon = key.find(':');
  std::string out = "/v1/limits/" + admin::percent_encoded(key.substr(0, colon));
  char between = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    out += between;
    out += admin::percent_encoded(name) + "=" + admin::percent_encoded(value);
    between = '&';
  };
  std::string_view rest = colon == key.npos ? std::string_view() : key.substr(colon + 1);
  if (colon == 0 || (colon != key.npos && rest.empty())) return std::nullopt;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == part.npos || equals == 0) return std::nullopt;
    // As it stands in Redis and in answers, escapes and all.
    const auto value = admin::percent_decoded(part.substr(equals + 1));
    if (!value) return std::nullopt;
    add(part.substr(0, equals), *value);
  }
  if (options.number != 0) add("limit", std::to_string(options.number));
  return out;
}

std::string text(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  if (!found || found->is_null()) return "-";
  return found->is_string() ? std::string(found->as_string()) : json::serialize(*found);
}

std::string amount(const json::object& rule) {
  if (text(rule, "concurrent") != "-") return text(rule, "concurrent") + " at once";
  if (text(rule, "per") != "-") return "row/" + text(rule, "per");
  return text(rule, "rate") + " (" + text(rule, "burst") + ")";
}

std::string key_words(const json::object& rule) {
  std::string out;
  for (const json::value& part : rule.at("key").as_array())
    out += (out.empty() ? "" : ",") + std::string(part.as_string());
  return out.empty() ? "all" : out;
}

void print_rows(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      std::cout << row[i]
                << (i + 1 < row.size() ? std::string(widths[i] - row[i].size() + 2, ' ') : "\n");
  }
}

void print_all(const json::object& all) {
  std::cout << "mode      " << text(all, "mode") << ", nodes " << text(all, "nodes") << "\n";
  if (const json::object* const redis = all.at("redis").if_object()) {
    const bool cluster = text(*redis, "masters") != "-";
    std::cout << "redis     " << text(*redis, "address") << ", asked by " << text(*redis, "asking")
              << " of " << text(*redis, "workers") << " workers"
              << (cluster ? " wholly, " + text(*redis, "masters_asked") + " of " +
                                text(*redis, "masters") + " masters by all"
                          : "")
              << " (breaker " << text(*redis, "breaker") << ")\n";
  }
  std::cout << "\n";
  std::vector<std::vector<std::string>> rows{
      {"RULE", "RATE (BURST)", "COUNTS BY", "ALLOWED", "REFUSED", "SHADOW"}};
  for (const json::value& value : all.at("rules").as_array()) {
    const json::object& rule = value.as_object();
    rows.push_back({text(rule, "name"), amount(rule), key_words(rule), text(rule, "allowed"),
                    text(rule, "refused"),
                    rule.at("shadow").as_bool() ? text(rule, "shadow_refused") : "-"});
  }
  print_rows(rows);
  const json::array& top = all.at("top_refused").as_array();
  if (top.empty()) return;
  std::cout << "\n";
  rows = {{"REFUSED MOST", "RULE", "REFUSALS"}};
  for (const json::value& value : top) {
    const json::object& place = value.as_object();
    rows.push_back({text(place, "tenant"), text(place, "rule"), text(place, "count")});
  }
  print_rows(rows);
}

std::string counter_words(const json::object& counter) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", counter.at("reset").to_number<double>());
  return text(counter, "remaining") + " left, all back in " + seconds + " s";
}

void print_state(const json::object& state) {
  std::cout << "key        " << text(state, "key") << "\n";
  if (text(state, "in_flight") != "-")
    std::cout << "in flight  " << text(state, "in_flight") << "\n";
  if (const json::object* const local = state.at("local").if_object())
    std::cout << "process    " << counter_words(*local) << "\n";
  if (const json::object* const redis = state.at("redis").if_object())
    std::cout << "redis      " << counter_words(*redis) << "\n";
  else if (text(state, "redis_answered") == "false")
    std::cout << "redis      did not answer\n";
  for (const json::value& value : state.at("leases").as_array()) {
    const json::object& lease = value.as_object();
    std::cout << "worker " << text(lease, "worker") << "   holds " << text(lease, "units")
              << ", owes " << text(lease, "owed") << "\n";
  }
}

}  // namespace

int run_limits(const CommandLine& line) {
  const LimitsOptions& options = line.limits;
  const auto path = options.key.empty() ? std::string("/v1/limits") : path_of(options);
  if (!path) {
    std::cerr << "marquee: KEY is RULE or RULE:part=value,part=value, for example "
                 "login:agency=6f1c,client_ip=203.0.113.7\n";
    return exit_code::usage;
  }
  const auto reply = ask_running(line, {options.reset ? "DELETE" : "GET", *path, {}, {}});
  if (!reply) return exit_code::failed;
  if (reply->status != 200) return fail(problem_words(*reply));
  boost::system::error_code error;
  const json::value parsed = json::parse(reply->body, error);
  const json::object* const answer = error ? nullptr : parsed.if_object();
  if (!answer) return fail("the answer was not about limits");
  if (line.json)
    std::cout << reply->body << "\n";
  else if (options.key.empty())
    print_all(*answer);
  else
    print_state(*answer);
  if (options.reset) {
    if (text(*answer, "redis_answered") == "false")
      return fail("forgotten in this process only: Redis did not answer");
    if (!line.json) std::cout << "forgotten\n";
  }
  return exit_code::ok;
}

}  // namespace marquee::app
