#include "proxy/policy/api_route.hpp"

#include <algorithm>

#include "identity/stored_proof.hpp"

namespace marquee::proxy::policy {
namespace {

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

}  // namespace

bool matches(std::string_view pattern, std::string_view path) {
  if (!pattern.starts_with('/') || !path.starts_with('/')) return false;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view found = next_segment(path);
    const bool parameter = wanted.size() > 1 && wanted.front() == ':';
    if (parameter ? found.empty() : wanted != found) return false;
  }
  return pattern.empty() && path.empty();
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
                      std::string_view path, const identity::Caller* caller) {
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
  const bool needs_caller = out.route->requires_auth || !out.route->scopes.empty();
  out.verdict = ApiVerdict::served;
  if (!needs_caller) return out;
  if (!caller) {
    out.verdict = ApiVerdict::login;
  } else if (caller->scoped || caller->user.empty()) {
    // A user's own token speaks of no scopes: what a user may is the role's affair.
    const bool all = std::all_of(
        out.route->scopes.begin(), out.route->scopes.end(),
        [caller](const std::string& scope) { return covers_scope(caller->scopes, scope); });
    if (!all || (out.route->scopes.empty() && !has_method_scope(caller, method)))
      out.verdict = ApiVerdict::scope;
  }
  return out;
}

}  // namespace marquee::proxy::policy
