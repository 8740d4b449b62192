#include "limits/check.hpp"

#include <algorithm>
#include <set>

#include "config/text.hpp"

namespace marquee::limits {
namespace {

constexpr std::size_t kMostServers = 64;
constexpr std::uint64_t kMostCount = 1'000'000'000;

class Checker {
 public:
  std::vector<config::Problem> run(const config::RateLimits& limits) {
    if (limits.rules.size() > kMostSettingRules)
      fault(limits.rules[kMostSettingRules].mark,
            "rate_limits has " + std::to_string(limits.rules.size()) + " rules, at most " +
                std::to_string(kMostSettingRules) +
                " are decided for one request; join some of them");
    cidrs(limits.exempt, "rate_limits.exempt");
    for (std::size_t i = 0; i < limits.rules.size(); ++i)
      rule(limits.rules[i], "rate_limits.rules[" + std::to_string(i) + "]");
    redis(limits.redis);
    if (limits.mode == config::LimitMode::leased && !limits.redis.given())
      fault(limits.mode_mark,
            "rate_limits.mode is leased, but there is no rate_limits.redis to borrow from; write "
            "redis.address, or remove mode");
    return std::move(problems_);
  }

 private:
  void fault(config::Mark at, std::string sentence) {
    problems_.push_back({at, std::move(sentence)});
  }

  void servers(const std::vector<config::Marked<std::string>>& list, const std::string& where,
               const std::string& port) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto place = parse_redis_address(*list[i]);
      if (!place || !place->path.empty())
        fault(list[i].mark, where + "[" + std::to_string(i) + "] is " +
                                config::in_quotes(*list[i]) + "; write host:" + port +
                                " or [::1]:" + port);
    }
    if (list.size() > kMostServers)
      fault(list[kMostServers].mark, where + " has " + std::to_string(list.size()) +
                                         " servers; write at most " + std::to_string(kMostServers) +
                                         ", they tell of the others");
  }

  void place(const config::LimitRedis& r) {
    const int ways = int{!r.address->empty()} + int{!r.sentinels.empty()} + int{!r.cluster.empty()};
    if (ways > 1)
      fault(r.mark,
            "rate_limits.redis has more than one of address, sentinels and cluster; write the one "
            "that says how Redis is run");
    if (!r.address->empty() && !parse_redis_address(*r.address))
      fault(r.address.mark, "rate_limits.redis.address is " + config::in_quotes(*r.address) +
                                "; write host:6379, [::1]:6379 or unix:/run/redis/redis.sock");
    servers(r.sentinels, "rate_limits.redis.sentinels", "26379");
    servers(r.cluster, "rate_limits.redis.cluster", "6379");
    if (!r.sentinels.empty() && r.master->empty())
      fault(r.mark, "rate_limits.redis has sentinels, but no master; write master: mymaster");
    if (r.sentinels.empty() && !r.master->empty())
      fault(r.master.mark,
            "rate_limits.redis has a master, but no sentinels that know it; write sentinels: "
            "[host:26379]");
    if (r.sentinels.empty() && !(r.sentinel_username.empty() && r.sentinel_password.empty()))
      fault(r.mark,
            "rate_limits.redis has a user or password of sentinels, but no sentinels; write "
            "sentinels: [host:26379]");
    if (!r.sentinel_username.empty() && r.sentinel_password.empty())
      fault(r.mark,
            "rate_limits.redis has a sentinel_username, but no password for it; write "
            "sentinel_password or sentinel_password_file");
    if (!r.cluster.empty() && r.database != 0)
      fault(r.mark, "rate_limits.redis has database " + std::to_string(r.database) +
                        ", but a Cluster has only one; remove database");
  }

  void redis(const config::LimitRedis& r) {
    place(r);
    if (!r.given()) {
      if (r.mark.line != 0 && r.master->empty())
        fault(r.mark,
              "rate_limits.redis has no address; write address: 127.0.0.1:6379, or sentinels or "
              "cluster");
      return;
    }
    if (!r.username.empty() && r.password.empty())
      fault(r.mark,
            "rate_limits.redis has a username, but no password; write password or "
            "password_file");
    if (!r.tls && (!r.ca_file.empty() || !r.server_name.empty()))
      fault(r.mark,
            "rate_limits.redis has ca_file or server_name, but does not speak TLS; write "
            "tls: true, or remove them");
  }

  void cidrs(const std::vector<config::Marked<std::string>>& list, const std::string& where) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (!base::Cidr::parse(*list[i]))
        fault(list[i].mark, where + "[" + std::to_string(i) + "] is " +
                                config::in_quotes(*list[i]) +
                                ", which is not a network; write for example 10.0.0.0/8 or one "
                                "address");
  }

  template <typename Judge>
  void words(const std::vector<config::Marked<std::string>>& list, const std::string& where,
             std::string_view choices, Judge known) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (!known(*list[i]))
        fault(list[i].mark, where + "[" + std::to_string(i) + "] is " +
                                config::in_quotes(*list[i]) + "; write " + std::string(choices));
  }

  void rule(const config::RateRule& r, const std::string& where) {
    if (!r.name->empty() && !names_.insert(*r.name).second)
      fault(r.name.mark, where + ".name is " + config::in_quotes(*r.name) +
                             ", which is another rule's; counters are kept by name, so write one "
                             "of its own");
    for (const std::string_view taken : kRowRuleNames)
      if (*r.name == taken)
        fault(r.name.mark, where + ".name is " + config::in_quotes(*r.name) +
                               ", which is the name of a rule by rows (rate_limits.rows); write "
                               "another");
    words(r.key, where + ".key",
          "some of agency, client, site, installation, domain, route, api_key, user, client_ip, "
          "caller, api_route, origin",
          [](std::string_view w) { return parse_part(w).has_value(); });
    words(r.host_classes, where + ".match.host_class", "some of custom, app, site",
          [](std::string_view w) { return w == "custom" || w == "app" || w == "site"; });
    words(r.identities, where + ".match.identity", "some of anonymous, user, api_key",
          [](std::string_view w) { return w == "anonymous" || w == "user" || w == "api_key"; });
    words(r.paths, where + ".match.path",
          "a path as it reads when it is decoded and resolved, which begins with /",
          [](std::string_view w) {
            std::string buffer;
            return w.starts_with('/') && w.find('?') == w.npos && rule_path(w, buffer) == w;
          });
    words(r.methods, where + ".match.method", "methods in capitals, as GET or POST",
          [](std::string_view w) {
            return std::none_of(w.begin(), w.end(), [](char c) { return c >= 'a' && c <= 'z'; });
          });
    cidrs(r.exempt, where + ".exempt");
    amount(r, where);
    const bool by_route =
        std::any_of(r.key.begin(), r.key.end(), [](const auto& word) { return *word == "route"; });
    if (by_route && r.paths.empty())
      fault(r.mark, where +
                        ".key counts by route, but match.path names none; write match: {path: "
                        "[/api/a, /api/b]}, of which each is a route");
  }

  void amount(const config::RateRule& r, const std::string& where) {
    if (r.concurrent != 0) {
      if (!r.rate->empty())
        fault(r.rate.mark, where +
                               " has both rate and concurrent; write two rules, each with a name "
                               "of its own");
      if (r.burst != 0 || r.cost > 1 || r.fields)
        fault(r.mark, where +
                          " counts requests in flight (concurrent), to which burst, cost and "
                          "fields say nothing; remove them");
      return;
    }
    if (r.rate->empty())
      return fault(r.mark, where +
                               " has neither rate nor concurrent; write rate: 100/s, or "
                               "concurrent: 20 for requests in flight");
    const auto rate = parse_rate(*r.rate);
    if (!rate)
      return fault(r.rate.mark, where + ".rate is " + config::in_quotes(*r.rate) +
                                    ", which is no rate; write for example 100/s, 600/m, 1000/h "
                                    "or 10000/d");
    if (rate->count == 0 || rate->count > kMostPerSecond * rate->seconds ||
        rate->count > kMostCount)
      return fault(r.rate.mark, where + ".rate is " + config::in_quotes(*r.rate) +
                                    "; write at least 1 and at most 100000/s");
    const std::uint64_t burst = r.burst ? r.burst : rate->count;
    if (r.cost > burst)
      fault(r.mark, where + ".cost " + std::to_string(r.cost) + " is more than its burst " +
                        std::to_string(burst) +
                        ", so that every request would be refused; write "
                        "burst: " +
                        std::to_string(r.cost) + " or more");
    // burst * unit must stay a number of ticks that Redis's Lua keeps exactly.
    if (burst * rate->seconds / rate->count > 400ull * 86'400)
      fault(r.mark, where + ".burst " + std::to_string(burst) +
                        " would take more than 400 days to come back; write a smaller one");
  }

  std::vector<config::Problem> problems_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<config::Problem> check(const config::Settings& settings) {
  return Checker().run(settings.rate_limits);
}

std::optional<Rate> parse_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto count = config::parse_number(text.substr(0, slash));
  const std::string_view unit = text.substr(slash + 1);
  if (!count) return std::nullopt;
  if (unit == "s") return Rate{*count, 1};
  if (unit == "m") return Rate{*count, 60};
  if (unit == "h") return Rate{*count, 3600};
  if (unit == "d") return Rate{*count, 86'400};
  return std::nullopt;
}

std::optional<RedisPlace> parse_redis_address(std::string_view text) {
  constexpr std::string_view unix_scheme = "unix:";
  if (text.starts_with(unix_scheme)) {
    const std::string_view path = text.substr(unix_scheme.size());
    if (!path.starts_with('/') || path.size() > 107) return std::nullopt;  // sun_path
    return RedisPlace{std::string(path), {}, 0};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = config::parse_number(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    return std::nullopt;
  const bool plain = std::all_of(
      host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '@'; });
  if (host.empty() || host.size() > 253 || !plain || !port || *port == 0 || *port > 65535)
    return std::nullopt;
  return RedisPlace{{}, std::string(host), static_cast<std::uint16_t>(*port)};
}

std::optional<Part> parse_part(std::string_view text) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Part::count_); ++i)
    if (name(static_cast<Part>(i)) == text) return static_cast<Part>(i);
  return std::nullopt;
}

}  // namespace marquee::limits
