#include "limits/given_key.hpp"

#include <algorithm>

#include "limits/check.hpp"
#include "limits/key_text.hpp"

namespace marquee::limits {
namespace {

const GivenPart* find(std::span<const GivenPart> given, Part part) {
  const auto at = std::find_if(given.begin(), given.end(),
                               [part](const GivenPart& g) { return g.name == name(part); });
  return at == given.end() ? nullptr : &*at;
}

std::string list_of(const std::vector<Part>& parts) {
  std::string out;
  for (const Part part : parts) {
    if (!out.empty()) out += ", ";
    out += name(part);
  }
  return out;
}

// "203.0.113.7", "203.0.113.7/32", "none"; false: it is none of these.
bool append_client(std::string& out, const Rule& rule, std::string_view text) {
  if (text == "none") {
    out += text;
    return true;
  }
  const auto address = base::IpAddress::parse(text.substr(0, text.find('/')));
  if (address) append_network(out, *address, rule.v4_bits, rule.v6_bits);
  return address.has_value();
}

// "key:ID", "user:ID", "ip:203.0.113.7"
bool append_caller(std::string& out, const Rule& rule, std::string_view text) {
  constexpr std::string_view ip = "ip:";
  if (text.starts_with(ip)) {
    out += ip;
    return append_client(out, rule, text.substr(ip.size()));
  }
  append_value(out, text);
  return text.starts_with("key:") || text.starts_with("user:");
}

bool append_part(std::string& out, Part part, const Rule& rule, std::string_view value) {
  out += name(part);
  out += '=';
  if (part == Part::client_ip) return append_client(out, rule, value);
  if (part == Part::caller) return append_caller(out, rule, value);
  append_value(out, value);
  return true;
}

std::string nonsense(Part part) {
  if (part == Part::client_ip) return "client_ip is no address; write client_ip=203.0.113.7";
  return "caller is none; write caller=key:ID, caller=user:ID or caller=ip:203.0.113.7";
}

}  // namespace

std::string given_key(const Rule& rule, std::span<const GivenPart> given, std::uint32_t number,
                      bool tagged, Question& out) {
  out.clear();
  tagged &= rule.has_tenant() && rule.concurrent == 0;
  for (const GivenPart& g : given) {
    const auto part = parse_part(g.name);
    if (part && (rule.has(*part) || (*part == Part::agency && rule.has_tenant()))) continue;
    return rule.name + " does not count by " + g.name.substr(0, 64) +
           (rule.parts.empty() ? "; it counts all requests together, so give no parts"
                               : "; it counts by " + list_of(rule.parts));
  }
  Charge charge;
  charge.rule = &rule;
  charge.cost = 0;
  charge.limit =
      rule.from == RateFrom::settings ? rule.limit : row_limit(std::max(number, 1u), rule.seconds);
  if (tagged) {
    const GivenPart* const agency = find(given, Part::agency);
    if (!agency)
      return "the counters of " + rule.name +
             " stand in Redis under the agency; write agency=ID beside the rest";
    append_part(out.text, Part::agency, rule, agency->value);
    charge.tag_size = static_cast<std::uint32_t>(out.text.size());
  }
  charge.key_at = charge.tag_size;
  out.text += rule.name;
  char between = ':';
  for (const Part part : rule.parts) {
    const GivenPart* const at = find(given, part);
    if (!at || at->value.empty())
      return rule.name + " counts by " + list_of(rule.parts) + "; " + std::string(name(part)) +
             " is missing";
    out.text += between;
    if (!append_part(out.text, part, rule, at->value)) return nonsense(part);
    between = ',';
  }
  charge.key_size = static_cast<std::uint32_t>(out.text.size()) - charge.key_at;
  (rule.concurrent ? out.concurrent : out.charges).push_back(charge);
  return {};
}

}  // namespace marquee::limits
