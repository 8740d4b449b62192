#include "proxy/policy/api_route.hpp"

#include <algorithm>

#include "base/request_path.hpp"
#include "identity/stored_proof.hpp"

namespace marquee::proxy::policy {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  a = base::bare_name(a);
  b = base::bare_name(b);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view next_segment(std::string_view& rest) {
  if (rest.starts_with('/')) rest.remove_prefix(1);
  const std::size_t end = rest.find('/');
  const std::string_view out = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return out;
}

// The one whose first different segment is a literal.
bool is_better(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const bool a_parameter = next_segment(a).starts_with(':');
    const bool b_parameter = next_segment(b).starts_with(':');
    if (a_parameter != b_parameter) return b_parameter;
  }
  return false;
}

// In API mode a route that names no scopes asks for that of its method.
bool has_method_scope(const identity::Caller* caller, std::string_view method) {
  return !caller || caller->consumer.empty() ||
         covers_scope(caller->scopes, identity::scope_of_method(method));
}

template <typename Same>
bool match(std::string_view pattern, std::string_view path, Same same) {
  if (!pattern.starts_with('/') || !path.starts_with('/')) return false;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view found = next_segment(path);
    const bool parameter = wanted.size() > 1 && wanted.front() == ':';
    if (parameter ? found.empty() : !same(wanted, found)) return false;
  }
  return pattern.empty() && path.empty();
}

bool needs_caller(const identity::ApiRoute& route) {
  return route.requires_auth || !route.scopes.empty();
}

ApiVerdict judge_caller(const identity::ApiRoute& route, std::string_view method,
                        const identity::Caller* caller) {
  if (!needs_caller(route)) return ApiVerdict::served;
  if (!caller) return ApiVerdict::login;
  // A user's own token speaks of no scopes: what a user may is the role's affair.
  if (!caller->scoped && !caller->user.empty()) return ApiVerdict::served;
  const bool all = std::all_of(
      route.scopes.begin(), route.scopes.end(),
      [caller](const std::string& scope) { return covers_scope(caller->scopes, scope); });
  if (!all || (route.scopes.empty() && !has_method_scope(caller, method))) return ApiVerdict::scope;
  return ApiVerdict::served;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view path) {
  return match(pattern, path, [](std::string_view a, std::string_view b) { return a == b; });
}

bool matches_loosely(std::string_view pattern, std::string_view path) {
  return match(pattern, path, same_name);
}

bool covers_scope(std::span<const std::string> held, std::string_view wanted) {
  return std::any_of(held.begin(), held.end(), [wanted](std::string_view s) {
    if (s == "*" || s == "admin" || s == wanted) return true;
    if (!s.ends_with(":*")) return false;
    const std::string_view kind = s.substr(0, s.size() - 2);
    return wanted == kind ||
           (wanted.starts_with(kind) && wanted.substr(kind.size()).starts_with(':'));
  });
}

ApiDecision judge_api(std::span<const identity::ApiRoute> routes, std::string_view method,
                      std::string_view path, const identity::Caller* caller, bool escaped) {
  ApiDecision out;
  if (routes.empty()) {
    if (!has_method_scope(caller, method)) out.verdict = ApiVerdict::scope;
    return out;
  }
  out.verdict = ApiVerdict::no_route;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  for (const identity::ApiRoute& route : routes) {
    if (!route.active || !matches(route.path, path)) continue;
    if (route.method != wanted) {
      if (!out.allow.empty()) out.allow += ", ";
      out.allow += route.method;
      continue;
    }
    if (!out.route || is_better(route.path, out.route->path)) out.route = &route;
  }
  if (!out.route) {
    if (!out.allow.empty()) out.verdict = ApiVerdict::method;
    return out;
  }
  out.verdict = judge_caller(*out.route, method, caller);
  out.guarded = needs_caller(*out.route);
  for (const identity::ApiRoute& route : routes) {
    if (&route == out.route || !route.active || route.method != wanted) continue;
    if (!escaped && is_better(out.route->path, route.path)) continue;
    if (!matches_loosely(route.path, path)) continue;
    out.guarded |= needs_caller(route);
    const ApiVerdict also = judge_caller(route, method, caller);
    if (also == ApiVerdict::login || out.verdict == ApiVerdict::served) out.verdict = also;
  }
  return out;
}

}  // namespace marquee::proxy::policy
