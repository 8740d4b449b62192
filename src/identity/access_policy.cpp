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

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const int high = path[i] == '%' && i + 2 < path.size() ? hex(path[i + 1]) : -1;
    const int low = high >= 0 ? hex(path[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

}  // namespace

bool covers(std::string_view prefix, std::string_view path) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

bool is_plain(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%' || c == '\\' || c == ';') return false;
    if (c == '/' && i + 1 < path.size() && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

std::string resolved(std::string_view path) {
  std::string text = decoded(path);
  std::replace(text.begin(), text.end(), '\\', '/');
  std::vector<std::string_view> segments;
  std::string_view rest = text;
  bool ends_in_slash = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    std::string_view segment = rest.substr(0, end);
    ends_in_slash = end < rest.size();
    rest.remove_prefix(std::min(end + 1, rest.size()));
    segment = segment.substr(0, segment.find(';'));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  if (out.empty() || ends_in_slash) out += '/';
  return out;
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

AccessPolicy::Found AccessPolicy::find(std::string_view method, std::string_view target,
                                       routing::HostClass host) const {
  const std::string_view path = target.substr(0, target.find('?'));
  if (is_plain(path)) return {first(method, path, host, true), false};
  Found out{first(method, path, host, false), false};
  // Again and again: behind a proxy that decodes stands a server that decodes.
  constexpr int most_readings = 4;
  std::string form(path);
  for (int i = 0; i < most_readings; ++i) {
    std::string next = resolved(form);
    if (next == form) return out;
    form = std::move(next);
    out.ambiguous |= first(method, form, host, false) != out.rule;
  }
  out.ambiguous |= resolved(form) != form;
  return out;
}

}  // namespace marquee::identity
