#include "limits/rule.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/http_method.hpp"
#include "limits/check.hpp"
#include "limits/key_text.hpp"

namespace marquee::limits {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Part::count_)> part_names = {
    "agency",  "client", "site",      "installation", "domain",    "route",
    "api_key", "user",   "client_ip", "caller",       "api_route", "origin"};

std::string_view id_of(Part part, const Asker& asker) {
  switch (part) {
    case Part::agency:
      return asker.agency;
    case Part::client:
      return asker.client;
    case Part::site:
      return asker.site;
    case Part::installation:
      return asker.installation;
    case Part::api_key:
      return asker.api_key;
    case Part::user:
      return asker.user;
    case Part::api_route:
      return asker.api_route;
    case Part::origin:
      return asker.origin;
    default:
      return {};
  }
}

// Without one of these there is nobody whom a rule by it is about.
bool is_needed(Part part) {
  return part == Part::user || part == Part::api_key || part == Part::api_route ||
         part == Part::origin;
}

void append_client(std::string& out, const Rule& rule, const Asker& asker) {
  if (!asker.address) {
    out += "none";
  } else if (asker.address->is_v4() && rule.v4_bits == 32 && !asker.address_text.empty()) {
    out += asker.address_text;
    out += "/32";
  } else {
    append_network(out, *asker.address, rule.v4_bits, rule.v6_bits);
  }
}

void append_caller(std::string& out, const Rule& rule, const Asker& asker) {
  if (!asker.api_key.empty()) {
    out += "key:";
    append_value(out, asker.api_key);
  } else if (!asker.user.empty()) {
    out += "user:";
    append_value(out, asker.user);
  } else {
    out += "ip:";
    append_client(out, rule, asker);
  }
}

void append_part(std::string& out, Part part, const Rule& rule, const Asker& asker,
                 std::string_view route) {
  switch (part) {
    case Part::domain:
      return append_value(out, asker.domain);
    case Part::route:
      return append_value(out, route);
    case Part::client_ip:
      return append_client(out, rule, asker);
    case Part::caller:
      return append_caller(out, rule, asker);
    default:
      break;
  }
  const std::string_view id = id_of(part, asker);
  if (!id.empty()) return append_value(out, id);
  // A domain without that id shares a counter with no other.
  out += '@';
  append_value(out, asker.domain);
}

// What the rows say of a rule whose number is theirs.
std::uint32_t number_of(RateFrom from, const RowNumbers& rows) {
  switch (from) {
    case RateFrom::settings:
      break;
    case RateFrom::caller_minute:
      return rows.caller_minute;
    case RateFrom::caller_day:
      return rows.caller_day;
    case RateFrom::api_route:
      return rows.route_minute;
    case RateFrom::origin:
      return rows.origin_hour;
  }
  return 0;
}

// Whatever the case: rows hold what people typed.
bool one_of(const std::vector<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(), [value](const std::string& word) {
    return word.size() == value.size() && starts_with_folded(value, word);
  });
}

// Whom the rule is about: without a user there is nobody to count.
bool about(const Rule& rule, const Asker& asker) {
  if (rule.host_classes && !(rule.host_classes >> static_cast<unsigned>(asker.host_class) & 1))
    return false;
  if (rule.identities && !(rule.identities >> static_cast<unsigned>(asker.identity) & 1))
    return false;
  for (const Part part : rule.needed)
    if (id_of(part, asker).empty()) return false;
  if (!rule.methods.empty() && !base::covers_method(rule.methods, asker.method)) return false;
  if (!rule.subscriptions.empty() && !one_of(rule.subscriptions, asker.subscription)) return false;
  if (!rule.plans.empty() && !one_of(rule.plans, asker.plan)) return false;
  return !asker.address || !rule.exempt.contains(*asker.address);
}

base::CidrList networks(const std::vector<config::Marked<std::string>>& texts) {
  std::vector<base::Cidr> out;
  for (const auto& text : texts)
    if (const auto cidr = base::Cidr::parse(*text)) out.push_back(*cidr);
  return base::CidrList(std::move(out));
}

template <typename E>
std::uint32_t bits(const std::vector<config::Marked<std::string>>& words) {
  std::uint32_t out = 0;
  for (std::uint32_t i = 0; i < 3; ++i)  // both enums have three values
    for (const auto& word : words)
      if (name(static_cast<E>(i)) == *word) out |= 1u << i;
  return out;
}

std::vector<std::string> texts(const std::vector<config::Marked<std::string>>& from) {
  std::vector<std::string> out;
  for (const auto& text : from) out.push_back(*text);
  return out;
}

Rule compile(const config::RateRule& from) {
  Rule rule;
  rule.name = *from.name;
  rule.cost = from.cost;
  rule.concurrent = from.concurrent;
  rule.shadow = from.shadow;
  rule.fields = from.fields;
  if (const auto rate = parse_rate(*from.rate)) {
    rule.count = rate->count;
    rule.seconds = rate->seconds;
    const std::uint64_t burst = from.burst ? from.burst : rate->count;
    rule.limit = Limit::of(rate->count, rate->seconds, static_cast<std::uint32_t>(burst));
  }
  for (const auto& word : from.key)
    if (const auto part = parse_part(*word)) rule.parts.push_back(*part);
  std::sort(rule.parts.begin(), rule.parts.end());
  rule.v4_bits = from.ipv4_prefix;
  rule.v6_bits = from.ipv6_prefix;
  rule.host_classes = bits<routing::HostClass>(from.host_classes);
  rule.identities = bits<Identity>(from.identities);
  rule.paths = texts(from.paths);
  rule.methods = texts(from.methods);
  rule.subscriptions = texts(from.subscriptions);
  rule.plans = texts(from.plans);
  rule.exempt = networks(from.exempt);
  return rule;
}

Rule row_rule(std::string_view name, RateFrom from, std::uint64_t seconds, std::vector<Part> parts,
              bool shadow) {
  Rule rule;
  rule.name = name;
  rule.from = from;
  rule.seconds = seconds;
  rule.parts = std::move(parts);
  rule.shadow = shadow;
  rule.fields = true;
  return rule;
}

}  // namespace

std::string_view name(Part part) { return part_names[static_cast<std::size_t>(part)]; }

std::string_view name(Identity identity) {
  constexpr std::array<std::string_view, 3> names = {"anonymous", "user", "api_key"};
  const auto i = static_cast<std::size_t>(identity);
  return i < names.size() ? names[i] : std::string_view{};
}

std::string_view name(RuleResult result) {
  constexpr std::array<std::string_view, 3> names = {"allowed", "refused", "shadow_refused"};
  return names[static_cast<std::size_t>(result)];
}

bool Rule::has(Part part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

bool Rule::has_tenant() const {
  return std::any_of(parts.begin(), parts.end(), [](Part part) { return part <= Part::domain; });
}

void Question::clear() {
  text.clear();
  charges.clear();
  concurrent.clear();
  uncounted = 0;
}

int refused_by(const Question& question) {
  int out = -1;
  for (std::size_t i = 0; i < question.charges.size(); ++i) {
    const Charge& c = question.charges[i];
    if (c.decision.allowed || c.rule->shadow) continue;
    if (out >= 0 && c.decision.retry_after <=
                        question.charges[static_cast<std::size_t>(out)].decision.retry_after)
      continue;
    out = static_cast<int>(i);
  }
  return out;
}

Limit row_limit(std::uint64_t number, std::uint64_t seconds) {
  number = std::clamp<std::uint64_t>(number, 1, kMostPerSecond * seconds);
  return Limit::of(number, seconds, static_cast<std::uint32_t>(number));
}

RowRules row_rules(const config::Settings& settings) {
  RowRules out;
  const config::RowLimits how = settings.rate_limits.rows;
  if (how == config::RowLimits::off || settings.directory.kind == config::DirectoryKind::yaml)
    return out;
  out.shadow = how == config::RowLimits::shadow;
  out.routes = settings.tenants.module_apis;
  out.origins = settings.tenants.cors;
  for (const config::AccessRule& rule : settings.access.rules)
    for (const config::Credential kind : rule.accept)
      out.callers |= kind == config::Credential::api_key || kind == config::Credential::consumer;
  return out;
}

RuleSet::RuleSet(const config::RateLimits& settings, RowRules rows, bool tags)
    : exempt_(networks(settings.exempt)) {
  for (const config::RateRule& from : settings.rules) add(compile(from), tags);
  const auto add_row = [&](std::string_view called, RateFrom from, std::uint64_t seconds,
                           std::vector<Part> parts) {
    add(row_rule(called, from, seconds, std::move(parts), rows.shadow), tags);
  };
  if (rows.callers) {
    add_row(kRowRuleNames[0], RateFrom::caller_minute, 60, {Part::api_key});
    add_row(kRowRuleNames[1], RateFrom::caller_day, 86'400, {Part::api_key});
  }
  if (rows.routes)
    add_row(kRowRuleNames[2], RateFrom::api_route, 60, {Part::site, Part::caller, Part::api_route});
  if (rows.origins) add_row(kRowRuleNames[3], RateFrom::origin, 3600, {Part::site, Part::origin});
}

// What does not depend on the request is worked out once.
void RuleSet::add(Rule rule, bool tags) {
  rule.index = static_cast<std::uint32_t>(rules_.size());
  rule.tagged = tags && rule.has_tenant();
  std::string label = rule.name;
  for (const Part part : rule.parts) {
    if (is_needed(part)) rule.needed.push_back(part);
    label += rule.labels.empty() ? ':' : ',';
    label += name(part);
    label += '=';
    rule.labels.push_back(std::exchange(label, {}));
  }
  if (rule.labels.empty()) rule.labels.push_back(rule.name);
  needs_path_ |= !rule.paths.empty();
  rules_.push_back(std::move(rule));
}

const Rule* RuleSet::find(std::string_view wanted) const {
  for (const Rule& rule : rules_)
    if (rule.name == wanted) return &rule;
  return nullptr;
}

void RuleSet::collect(const Asker& asker, Question& out) const {
  out.clear();
  if (asker.address && exempt_.contains(*asker.address)) return;
  const std::string_view path = needs_path_ ? rule_path(asker.path, out.path) : std::string_view{};
  for (const Rule& rule : rules_) {
    std::uint32_t number = 0;
    if (rule.from != RateFrom::settings) {
      number = number_of(rule.from, asker.rows);
      if (number == 0) continue;
    }
    if (!about(rule, asker)) continue;
    std::string_view route = "*";
    if (!rule.paths.empty()) {
      const auto prefix =
          std::find_if(rule.paths.begin(), rule.paths.end(),
                       [&](const std::string& p) { return starts_with_folded(path, p); });
      if (prefix == rule.paths.end()) continue;
      route = *prefix;
    }
    Charge& charge = (rule.concurrent ? out.concurrent : out.charges).emplace_back();
    charge.rule = &rule;
    charge.cost = rule.cost;
    charge.limit = rule.from == RateFrom::settings ? rule.limit : row_limit(number, rule.seconds);
    charge.tag_at = static_cast<std::uint32_t>(out.text.size());
    if (rule.tagged) {
      out.text += "agency=";
      append_part(out.text, Part::agency, rule, asker, route);
    }
    charge.key_at = static_cast<std::uint32_t>(out.text.size());
    charge.tag_size = charge.key_at - charge.tag_at;
    out.text += rule.labels.front();
    for (std::size_t i = 0; i < rule.parts.size(); ++i) {
      if (i > 0) out.text += rule.labels[i];
      append_part(out.text, rule.parts[i], rule, asker, route);
    }
    charge.key_size = static_cast<std::uint32_t>(out.text.size()) - charge.key_at;
  }
}

}  // namespace marquee::limits
