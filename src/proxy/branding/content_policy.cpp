#include "proxy/branding/content_policy.hpp"

#include <array>

#include "proxy/http/field_id.hpp"

namespace marquee::proxy {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

// Cuts the next part off, up to `separator`.
std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

std::string_view next_token(std::string_view& rest) {
  rest = trimmed(rest);
  std::size_t end = 0;
  while (end < rest.size() && !is_blank(rest[end])) ++end;
  const std::string_view token = rest.substr(0, end);
  rest.remove_prefix(end);
  return token;
}

// The origin of an address: scheme, host and port as written.
std::string_view origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return url.substr(0, url.find('/', scheme + 3));
}

// Understood are the forms that policies are written in: *, 'self', a scheme, and an
// origin or host without a path. What is not understood lets nothing in, so that a
// source is added once too often rather than once too little.
bool covers(std::string_view token, const PolicySource& s) {
  if (http::iequals(token, s.source)) return true;
  const std::string_view origin = origin_of(s.source);
  if (origin.empty()) return false;
  if (token == "*") return true;
  if (http::iequals(token, "'self'")) return http::iequals(origin, s.self);
  const std::size_t scheme = origin.find(':') + 1;
  if (http::iequals(token, origin.substr(0, scheme))) return true;
  return http::iequals(token, origin) || http::iequals(token, origin.substr(scheme + 2));
}

bool list_covers(std::string_view list, const PolicySource& s) {
  for (std::string_view token; !(token = next_token(list)).empty();)
    if (covers(token, s)) return true;
  return false;
}

// "'none'" stands for the empty list only while it stands alone.
std::string with_source(std::string_view list, std::string_view source) {
  std::string out;
  for (std::string_view token; !(token = next_token(list)).empty();)
    if (!http::iequals(token, "'none'")) out.append(" ").append(token);
  return out.append(" ").append(source);
}

// By rank: the first that is there governs (CSP 6.8.3).
constexpr std::array<std::string_view, 3> kStyles{"style-src-elem", "style-src", "default-src"};
constexpr std::array<std::string_view, 2> kImages{"img-src", "default-src"};

struct Governing {
  std::string_view name;  // as written
  std::string_view list;
  std::size_t rank = ~std::size_t{0};
};

// A directive that comes twice counts once, the first time (CSP 2.2.1).
template <std::size_t N>
Governing find_governing(std::string_view policy, const std::array<std::string_view, N>& names) {
  Governing found;
  while (!policy.empty()) {
    std::string_view rest = trimmed(cut(policy, ';'));
    const std::string_view name = next_token(rest);
    for (std::size_t rank = 0; rank < N; ++rank)
      if (http::iequals(name, names[rank]) && rank < found.rank) found = {name, rest, rank};
  }
  return found;
}

// One policy of the list; the same text where nothing is in the way.
bool widen(std::string_view policy, const PolicySource& s, std::string& out) {
  const bool style = s.kind == ContentKind::style;
  const Governing g = style ? find_governing(policy, kStyles) : find_governing(policy, kImages);
  if (g.name.empty() || list_covers(g.list, s)) {
    out.append(policy);
    return false;
  }
  const std::string list = with_source(g.list, s.source);
  if (http::iequals(g.name, "default-src")) {
    out.append(policy).append("; ").append(style ? kStyles[1] : kImages[0]).append(list);
    return true;
  }
  const auto at = static_cast<std::size_t>(g.list.data() - policy.data());
  out.append(policy.substr(0, at)).append(list).append(policy.substr(at + g.list.size()));
  return true;
}

}  // namespace

std::optional<std::string> allow_in_policy(std::string_view value, const PolicySource& source) {
  std::string out;
  bool changed = false;
  for (bool first = true; !value.empty(); first = false) {
    const std::string_view policy = cut(value, ',');
    if (!first) out.push_back(',');
    changed = widen(policy, source, out) || changed;
  }
  if (!changed) return std::nullopt;
  return out;
}

}  // namespace marquee::proxy
