#include "limits/rule.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "limits/check.hpp"

namespace marquee::limits {
namespace {

constexpr std::size_t kMostValue = 128;  // of a part; longer ones are hashed

constexpr std::array<std::string_view, static_cast<std::size_t>(Part::count_)> part_names = {
    "agency", "client", "site", "installation", "domain", "route", "api_key", "user", "client_ip"};

bool is_tenant(Part part) { return part <= Part::domain; }

void append_hex(std::string& out, std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  out.append(text, 16);
}

// No byte that separates parts or marks a Cluster's tag, none that is not text.
void append_value(std::string& out, std::string_view value) {
  if (value.size() > kMostValue) {  // 128 bits of it, the same on every node
    out += "%~";
    append_hex(out, key_hash(value, {0x6d617271, 1}));
    append_hex(out, key_hash(value, {0x6d617271, 2}));
    return;
  }
  const auto plain = [](char c) {
    return c > ' ' && c < 0x7f && c != '%' && c != ',' && c != '=' && c != '{' && c != '}';
  };
  for (auto at = value.begin(); at != value.end(); ++at) {
    const auto odd = std::find_if_not(at, value.end(), plain);
    out.append(at, odd);
    if (odd == value.end()) return;
    at = odd;
    const char c = *odd;
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
}

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
    default:
      return {};
  }
}

void append_part(std::string& out, Part part, const Rule& rule, const Asker& asker,
                 std::string_view route) {
  out += part_names[static_cast<std::size_t>(part)];
  out += '=';
  switch (part) {
    case Part::domain:
      return append_value(out, asker.domain);
    case Part::route:
      return append_value(out, route);
    case Part::client_ip: {
      if (!asker.address) {
        out += "none";
        return;
      }
      if (asker.address->is_v4() && rule.v4_bits == 32 && !asker.address_text.empty()) {
        out += asker.address_text;
        out += "/32";
        return;
      }
      const base::IpAddress network =
          base::client_prefix(*asker.address, rule.v4_bits, rule.v6_bits).network;
      char text[base::IpAddress::kTextSize];
      out += network.format(text);
      out += '/';
      out += std::to_string(network.is_v4() ? rule.v4_bits : rule.v6_bits);
      return;
    }
    default:
      break;
  }
  const std::string_view id = id_of(part, asker);
  if (!id.empty()) return append_value(out, id);
  // A domain without that id shares a counter with no other.
  out += '@';
  append_value(out, asker.domain);
}

bool one_of(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Whom the rule is about: without a user there is nobody to count.
bool about(const Rule& rule, const Asker& asker) {
  if (rule.host_classes && !(rule.host_classes >> static_cast<unsigned>(asker.host_class) & 1))
    return false;
  if (rule.identities && !(rule.identities >> static_cast<unsigned>(asker.identity) & 1))
    return false;
  if (rule.has(Part::user) && asker.user.empty()) return false;
  if (rule.has(Part::api_key) && asker.api_key.empty()) return false;
  if (!rule.methods.empty() && !one_of(rule.methods, asker.method)) return false;
  if (!rule.subscriptions.empty() && !one_of(rule.subscriptions, asker.subscription)) return false;
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
  rule.exempt = networks(from.exempt);
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

void Question::clear() {
  text.clear();
  charges.clear();
  concurrent.clear();
  uncounted = 0;
}

RuleSet::RuleSet(const config::RateLimits& settings) : exempt_(networks(settings.exempt)) {
  for (const config::RateRule& from : settings.rules) {
    Rule rule = compile(from);
    rule.index = static_cast<std::uint32_t>(rules_.size());
    needs_path_ |= !rule.paths.empty();
    rules_.push_back(std::move(rule));
  }
}

const Rule* RuleSet::find(std::string_view wanted) const {
  for (const Rule& rule : rules_)
    if (rule.name == wanted) return &rule;
  return nullptr;
}

void RuleSet::collect(const Asker& asker, Question& out) const {
  out.clear();
  if (asker.address && exempt_.contains(*asker.address)) return;
  char buffer[kMostPath];
  const std::string_view path = needs_path_ ? rule_path(asker.path, buffer) : std::string_view{};
  for (const Rule& rule : rules_) {
    if (!about(rule, asker)) continue;
    std::string_view route = "*";
    if (!rule.paths.empty()) {
      const auto prefix = std::find_if(rule.paths.begin(), rule.paths.end(),
                                       [&](const std::string& p) { return path.starts_with(p); });
      if (prefix == rule.paths.end()) continue;
      route = *prefix;
    }
    Charge charge;
    charge.rule = &rule;
    charge.tag_at = static_cast<std::uint32_t>(out.text.size());
    if (std::any_of(rule.parts.begin(), rule.parts.end(), is_tenant))
      append_part(out.text, Part::agency, rule, asker, route);
    charge.tag_size = static_cast<std::uint32_t>(out.text.size()) - charge.tag_at;
    charge.key_at = static_cast<std::uint32_t>(out.text.size());
    out.text += rule.name;
    char between = ':';
    for (const Part part : rule.parts) {
      out.text += between;
      append_part(out.text, part, rule, asker, route);
      between = ',';
    }
    charge.key_size = static_cast<std::uint32_t>(out.text.size()) - charge.key_at;
    (rule.concurrent ? out.concurrent : out.charges).push_back(charge);
  }
}

}  // namespace marquee::limits
