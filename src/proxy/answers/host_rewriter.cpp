#include "proxy/answers/host_rewriter.hpp"

#include <algorithm>

#include "proxy/http/field_id.hpp"

namespace marquee::proxy {
namespace {

using http::iequals;

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool ends_with_ignoring_case(std::string_view s, std::string_view end) {
  return s.size() >= end.size() && iequals(s.substr(s.size() - end.size()), end);
}

// "//authority/path" of an address with or without http(s) in front; empty: another
// kind of address.
std::string_view from_authority(std::string_view url) {
  for (const std::string_view scheme : {"http:", "https:"})
    if (iequals(url.substr(0, scheme.size()), scheme)) {
      url.remove_prefix(scheme.size());
      break;
    }
  return url.starts_with("//") ? url : std::string_view();
}

// A path without the prefix; nothing if it does not begin with it.
std::optional<std::string_view> without_prefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || !path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (!path.empty() && path.front() != '/' && path.front() != '?' && path.front() != '#')
    return std::nullopt;
  return path;
}

std::string rooted(std::string_view path) {
  // "//x" would be another host's address.
  while (path.starts_with("//")) path.remove_prefix(1);
  std::string out(path.starts_with('/') ? "" : "/");
  return out.append(path);
}

}  // namespace

bool HostRewriter::is_platform(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& known) {
    if (!known.starts_with("*.")) return iequals(host, known);
    return host.size() > known.size() - 1 &&
           ends_with_ignoring_case(host, std::string_view(known).substr(1));
  });
}

std::optional<std::string> HostRewriter::url(std::string_view value, const Visitor& visitor) const {
  if (value.starts_with('/') && !value.starts_with("//")) {
    const auto path = without_prefix(value, visitor.prefix);
    if (!path) return std::nullopt;
    return rooted(*path);
  }
  std::string_view rest = from_authority(value);
  if (rest.empty()) return std::nullopt;
  rest.remove_prefix(2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#\\"));
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  const std::string_view path = rest.substr(authority.size());
  if (!is_platform(authority.substr(0, authority.rfind(':')))) return std::nullopt;
  const auto own = without_prefix(path, visitor.prefix);
  if (!own && only_own_paths_ && !visitor.prefix.empty()) return std::nullopt;
  return std::string(visitor.origin) + rooted(own ? *own : path);
}

// "5; url=https://x/" (WHATWG HTML, "shared declarative refresh steps").
std::optional<std::string> HostRewriter::refresh(std::string_view value,
                                                 const Visitor& visitor) const {
  std::size_t at = value.find_first_of(";,");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = trimmed(value.substr(at + 1));
  if (iequals(rest.substr(0, 3), "url")) {
    const std::string_view behind = trimmed(rest.substr(3));
    if (behind.starts_with('=')) rest = trimmed(behind.substr(1));
  }
  char quote = 0;
  if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
    quote = rest.front();
    rest.remove_prefix(1);
    rest = rest.substr(0, rest.find(quote));
  }
  const auto to = url(rest, visitor);
  if (!to) return std::nullopt;
  at = static_cast<std::size_t>(rest.data() - value.data());
  return std::string(value.substr(0, at)) + *to + std::string(value.substr(at + rest.size()));
}

// <URI-Reference> in front of each link's parameters (RFC 8288 3).
std::optional<std::string> HostRewriter::link(std::string_view value,
                                              const Visitor& visitor) const {
  std::string out;
  bool changed = false;
  bool quoted = false;
  for (std::size_t at = 0; at < value.size();) {
    const char c = value[at];
    if (quoted && c == '\\' && at + 1 < value.size()) {
      out.append(value.substr(at, 2));
      at += 2;
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (c != '<' || quoted) {
      out.push_back(c);
      ++at;
      continue;
    }
    const std::size_t close = std::min(value.find('>', at), value.size());
    const std::string_view target = value.substr(at + 1, close - at - 1);
    const auto to = url(target, visitor);
    changed = changed || to;
    out.push_back('<');
    out.append(to ? std::string_view(*to) : target);
    at = close;
  }
  if (!changed) return std::nullopt;
  return out;
}

// The platform's own host, or a domain above it that its cookies would be for.
bool HostRewriter::covers_platform(std::string_view domain) const {
  if (domain.starts_with('.')) domain.remove_prefix(1);
  if (domain.empty()) return false;
  if (is_platform(domain)) return true;
  return std::any_of(hosts_.begin(), hosts_.end(), [&](std::string_view known) {
    if (known.starts_with("*.")) known.remove_prefix(2);
    if (iequals(known, domain)) return true;
    return known.size() > domain.size() + 1 && known[known.size() - domain.size() - 1] == '.' &&
           ends_with_ignoring_case(known, domain);
  });
}

std::optional<std::string> HostRewriter::set_cookie(std::string_view value,
                                                    const Visitor& visitor) const {
  std::string out;
  bool changed = false;
  bool first = true;
  for (std::string_view rest = value;;) {
    const std::size_t semicolon = rest.find(';');
    const std::string_view part = rest.substr(0, semicolon);
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = trimmed(part.substr(0, equals));
    const std::string_view what = trimmed(part.substr(std::min(equals + 1, part.size())));
    bool keep = true;
    std::string path;
    if (!first && iequals(name, "domain")) {
      keep = !covers_platform(what);
    } else if (!first && iequals(name, "path")) {
      if (const auto own = without_prefix(what, visitor.prefix)) path = rooted(*own);
    }
    changed = changed || !keep || !path.empty();
    if (keep) {
      if (!first) out.push_back(';');
      if (path.empty())
        out.append(part);
      else
        out.append(" Path=").append(path);
    }
    first = false;
    if (semicolon == std::string_view::npos) break;
    rest.remove_prefix(semicolon + 1);
  }
  if (!changed) return std::nullopt;
  return out;
}

}  // namespace marquee::proxy
