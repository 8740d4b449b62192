// The rules of the settings, ready for requests: which of them a request meets,
// and under which key each counts it. Pure.
//
// The key of a rule is a text, the same for every store and every node:
//   per-visitor:agency=6f1c...,client_ip=203.0.113.7/32
// Names and order are those of the rule; "%", ",", "=", "{" and "}" in values are
// escaped (%2c), so that no value can pass for another key.
#pragma once
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/metrics.hpp"
#include "config/settings.hpp"
#include "limits/gcra.hpp"
#include "limits/key_hash.hpp"
#include "routing/domain.hpp"

namespace marquee::limits {

inline constexpr std::size_t kMostSettingRules = 16;
inline constexpr std::uint64_t kMostPerSecond = 100'000;

// Rules whose numbers stand in rows of the directory (rate_limits.rows).
inline constexpr std::string_view kRowRuleNames[] = {"api_key_per_minute", "api_key_per_day",
                                                     "api_route_per_minute", "origin_per_hour"};
inline constexpr std::size_t kMostRules = kMostSettingRules + std::size(kRowRuleNames);

// The order is that of the parts in a key.
enum class Part : std::uint8_t {
  agency,
  client,
  site,
  installation,
  domain,
  route,
  api_key,
  user,
  client_ip,
  caller,     // API key, else user, else client_ip
  api_route,  // id of the module's route (module_api_routes)
  origin,     // MODULE/DOMAIN of a verified origin (module_allowed_domains)
  count_,
};
std::string_view name(Part part);

// Who is known to ask.
enum class Identity : std::uint8_t { anonymous, user, api_key, count_ };
std::string_view name(Identity identity);

// Requests that the rows about a request allow; 0: they say nothing.
struct RowNumbers {
  std::uint32_t caller_minute = 0;
  std::uint32_t caller_day = 0;
  std::uint32_t route_minute = 0;
  std::uint32_t origin_hour = 0;
};

// What rules look at. Views live as long as the request is judged.
struct Asker {
  routing::HostClass host_class = routing::HostClass::custom;
  std::string_view domain;  // its name, normalised
  std::string_view agency;  // ids: empty where the domain has none
  std::string_view client;
  std::string_view site;
  std::string_view installation;
  std::string_view subscription;  // of the agency, from the directory
  std::string_view plan;          // likewise
  std::string_view method;
  std::string_view path;  // with its query
  Identity identity = Identity::anonymous;
  std::string_view api_key;  // its id, never its text
  std::string_view user;
  std::string_view api_route;  // its id
  std::string_view origin;
  RowNumbers rows;
  const base::IpAddress* address = nullptr;  // null: not known
  std::string_view address_text;             // the same, where it is at hand; may be empty
};

// What became of a request under one rule.
enum class RuleResult : std::uint8_t { allowed, refused, shadow_refused, count_ };
std::string_view name(RuleResult result);

// Whose number a rule's rate is.
enum class RateFrom : std::uint8_t { settings, caller_minute, caller_day, api_route, origin };

struct Rule {
  std::string name;
  std::uint32_t index = 0;  // in its set
  std::uint32_t cost = 1;
  std::uint32_t concurrent = 0;  // requests in flight instead of a rate
  bool shadow = false;
  bool fields = false;  // allowed answers tell, too
  RateFrom from = RateFrom::settings;
  Limit limit;              // of the settings; a row's is the charge's
  std::uint64_t count = 0;  // as written: `count` in `seconds`
  std::uint64_t seconds = 1;
  std::vector<Part> parts;
  std::vector<Part> needed;         // of them: without it there is nobody to count
  std::vector<std::string> labels;  // what stands before each part in a key; at least one
  bool tagged = false;              // keys get the agency's tag
  unsigned v4_bits = 32;
  unsigned v6_bits = 64;

  std::uint32_t host_classes = 0;  // bit by HostClass; 0: all
  std::uint32_t identities = 0;    // bit by Identity; 0: all
  std::vector<std::string> paths;  // prefixes; none: all
  std::vector<std::string> methods;
  std::vector<std::string> subscriptions;
  std::vector<std::string> plans;
  base::CidrList exempt;

  // Written by workers, one cell each; null where nobody counts (tests).
  std::shared_ptr<base::Series> results[static_cast<std::size_t>(RuleResult::count_)];

  bool has(Part part) const;
  // Counts by anything of a tenant: its key is tagged by the agency.
  bool has_tenant() const;
};

// One rule that a request meets.
struct Charge {
  const Rule* rule = nullptr;
  Limit limit;
  std::uint32_t cost = 1;
  std::uint32_t key_at = 0;  // in Question::text
  std::uint32_t key_size = 0;
  std::uint32_t tag_size = 0;  // of the tenant's tag at `tag_at`; 0: none
  std::uint32_t tag_at = 0;
  Decision decision;
};

// One request's charges. Kept and used again: no allocation once it has grown.
struct Question {
  std::string text;
  std::string path;                // where rule_path() had to change it
  std::vector<Charge> charges;     // of a rate
  std::vector<Charge> concurrent;  // of requests in flight
  // Bit by position in `charges`: the common store could not decide these.
  std::uint64_t uncounted = 0;
  void clear();
  std::string_view key(const Charge& c) const { return {text.data() + c.key_at, c.key_size}; }
  std::string_view tag(const Charge& c) const { return {text.data() + c.tag_at, c.tag_size}; }
  bool empty() const { return charges.empty() && concurrent.empty(); }
};

// Which rule refused a request: of several the one that does so for longest. -1: none.
int refused_by(const Question& question);
struct Verdict {
  int refused_by = -1;  // position in the charges
  bool allowed() const { return refused_by < 0; }
};

// Which of the rules by rows there are.
struct RowRules {
  bool callers = false;
  bool routes = false;
  bool origins = false;
  bool shadow = false;
  bool any() const { return callers || routes || origins; }
};
RowRules row_rules(const config::Settings& settings);
// `number` requests in `seconds`, all of which may come at once.
Limit row_limit(std::uint64_t number, std::uint64_t seconds);

class RuleSet {
 public:
  // `settings` were checked (check.hpp). `tags`: a Cluster may want to know which keys
  // belong together.
  explicit RuleSet(const config::RateLimits& settings, RowRules rows = {}, bool tags = true);

  bool empty() const { return rules_.empty(); }
  std::span<Rule> rules() { return rules_; }
  std::span<const Rule> rules() const { return rules_; }
  const Rule* find(std::string_view name) const;

  // Fills `out` with the rules that `asker` meets.
  void collect(const Asker& asker, Question& out) const;

 private:
  void add(Rule rule, bool tags);

  std::vector<Rule> rules_;
  base::CidrList exempt_;
  bool needs_path_ = false;
};

// The path as rules see it: without its query, escapes of printable characters decoded,
// however often they were encoded, parameters (";x") dropped, "\\" a slash, "//", "/./"
// and "/../" resolved: what some server takes for a path meets the rule of that path.
// `buffer` is used only where something changes.
std::string_view rule_path(std::string_view target, std::string& buffer);
// Whatever the case of ASCII letters.
bool starts_with_folded(std::string_view text, std::string_view prefix);

}  // namespace marquee::limits
