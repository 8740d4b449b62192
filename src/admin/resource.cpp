#include "admin/resource.hpp"

#include <boost/beast/http/status.hpp>
#include <boost/json.hpp>

namespace marquee::admin {
namespace {

constexpr std::string_view kPlaceholder = "{id}";

// Whether the path is of this form; `id` is the segment as sent.
bool fits(std::string_view form, std::string_view path, std::string_view& id) {
  const std::size_t at = form.find(kPlaceholder);
  if (at == std::string_view::npos) return form == path;
  const std::string_view before = form.substr(0, at);
  const std::string_view after = form.substr(at + kPlaceholder.size());
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after))
    return false;
  id = path.substr(before.size(), path.size() - before.size() - after.size());
  return id.find('/') == std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

RouteMatch find_route(const std::vector<Route>& routes, std::string_view method,
                      std::string_view path) {
  RouteMatch out;
  if (method == "HEAD") method = "GET";
  for (const Route& route : routes) {
    std::string_view id;
    if (!fits(route.path, path, id)) continue;
    auto decoded = percent_decoded(id);
    if (!decoded) continue;
    if (route.method == method) return {&route, *std::move(decoded), {}};
    if (!out.allow.empty()) out.allow += ", ";
    out.allow += route.method;
    if (route.method == "GET") out.allow += ", HEAD";
  }
  return out;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string_view reason_phrase(unsigned status) {
  const auto text = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {text.data(), text.size()};
}

std::string problem_body(const Problem& problem) {
  boost::json::object out{{"type", "about:blank"},
                          {"title", std::string(reason_phrase(problem.status))},
                          {"status", problem.status},
                          {"detail", problem.detail}};
  if (!problem.field.empty()) out["field"] = problem.field;
  for (const auto& [name, value] : problem.more) out[name] = value;
  return boost::json::serialize(out);
}

Response problem_response(const Problem& problem) {
  return {problem.status, "application/problem+json", problem_body(problem), {}};
}

}  // namespace marquee::admin
