#include "identity/access_policy.hpp"

#include <algorithm>

#include "base/http_method.hpp"

namespace marquee::identity {
namespace {

std::uint8_t bit(routing::HostClass host) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(host));
}

std::uint8_t mask_of(const std::vector<std::string>& hosts) {
  if (hosts.empty()) return 0xff;
  std::uint8_t mask = 0;
  for (const auto h :
       {routing::HostClass::custom, routing::HostClass::app, routing::HostClass::site})
    for (const std::string& word : hosts)
      if (word == routing::name(h)) mask = static_cast<std::uint8_t>(mask | bit(h));
  return mask;
}

bool any_covers(const std::vector<std::string>& prefixes, std::string_view path) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [path](const std::string& prefix) { return covers(prefix, path); });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// A rule holds in every case: some servers do not tell /API from /api.
bool guards(std::string_view prefix, std::string_view path) {
  if (path.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (lower(prefix[i]) != lower(path[i])) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

bool any_guards(const std::vector<std::string>& prefixes, std::string_view path) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [path](const std::string& prefix) { return guards(prefix, path); });
}

// An embed token opens what the path names; a forward server and a consumer's list of
// endpoints judge the path as it is written.
base::Spelling refused_from(const AccessRule& rule) {
  if (rule.accepts(Credential::embed)) return base::Spelling::loose;
  const bool by_path = !rule.forward.empty() || rule.accepts(Credential::consumer);
  return by_path ? base::Spelling::moved : base::Spelling::ambiguous;
}

}  // namespace

bool covers(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

bool AccessRule::accepts(Credential credential) const {
  return std::find(accept.begin(), accept.end(), credential) != accept.end();
}

AccessPolicy::AccessPolicy(const config::Access& access) {
  for (const config::AccessRule& row : access.rules) {
    AccessRule rule;
    rule.paths = row.paths;
    rule.methods = row.methods;
    rule.open = row.open;
    rule.accept = row.accept;
    rule.forward = *row.forward;
    rule.scopes = row.scopes;
    rule.hosts = mask_of(row.hosts);
    rule.optional = row.optional;
    rule.tenant = row.tenant;
    rule.refused_from = refused_from(rule);
    rules_.push_back(std::move(rule));
  }
}

const AccessRule* AccessPolicy::first(std::string_view method, std::string_view path,
                                      routing::HostClass host, bool plain) const {
  for (const AccessRule& rule : rules_) {
    if (!(rule.hosts & bit(host)) || !any_guards(rule.paths, path)) continue;
    if (!rule.methods.empty() && !base::covers_method(rule.methods, method)) continue;
    return plain && any_covers(rule.open, path) ? nullptr : &rule;
  }
  return nullptr;
}

bool AccessPolicy::applies_to(routing::HostClass host) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [host](const AccessRule& rule) { return (rule.hosts & bit(host)) != 0; });
}

AccessPolicy::Found AccessPolicy::find(std::string_view method, std::string_view target,
                                       routing::HostClass host) const {
  if (!applies_to(host)) return {};
  // "*" is the whole server (RFC 9110 9.3.7), with all that is below "/".
  if (target == "*") target = "/";
  std::string buffer;
  const base::ReadPath path = base::read_path(target, buffer);
  if (path.plain()) return {first(method, path.raw, host, true), false};
  Found out{first(method, path.raw.empty() ? path.strict : path.raw, host, false), false};
  out.ambiguous = path.ambiguous() || (out.rule && path.spelling >= out.rule->refused_from);
  for (const std::string_view form : {path.strict, path.loose})
    out.ambiguous |= first(method, form, host, false) != out.rule;
  return out;
}

}  // namespace marquee::identity
