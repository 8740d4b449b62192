#include "proxy/policy/cors.hpp"

#include <algorithm>
#include <array>

#include "base/hostname.hpp"

namespace marquee::proxy::policy {
namespace {

constexpr std::size_t kMostAncestors = 64;
constexpr std::size_t kMostBytes = 4096;

// Second labels under which countries register names, and well-known parents whose
// children belong to strangers. No copy of the public suffix list, which would have
// to be kept in step with it: a guard against the plain mistakes.
constexpr std::array<std::string_view, 18> kRegistryLabels{
    "ac", "asn", "co",  "com", "edu", "gob", "go", "gouv", "gov",
    "gv", "id",  "mil", "ne",  "net", "nom", "or", "org",  "sch"};
constexpr std::array<std::string_view, 22> kSharedParents{
    "amazonaws.com",   "appspot.com", "azurewebsites.net", "blogspot.com", "cloudfront.net",
    "firebaseapp.com", "fly.dev",     "github.io",         "gitlab.io",    "herokuapp.com",
    "myshopify.com",   "netlify.app", "ngrok.app",         "ngrok.io",     "onrender.com",
    "pages.dev",       "railway.app", "surge.sh",          "vercel.app",   "web.app",
    "wordpress.com",   "workers.dev"};

bool is_shared(std::string_view parent) {
  const std::size_t dot = parent.find('.');
  if (dot == std::string_view::npos) return true;
  if (std::find(kSharedParents.begin(), kSharedParents.end(), parent) != kSharedParents.end())
    return true;
  const std::string_view first = parent.substr(0, dot);
  const std::string_view rest = parent.substr(dot + 1);
  return rest.size() == 2 &&
         std::find(kRegistryLabels.begin(), kRegistryLabels.end(), first) != kRegistryLabels.end();
}

// Rows are written by tenants: only what is a hostname, in its one form.
std::optional<std::string> pattern_of(std::string_view row) {
  const bool wildcard = row.starts_with("*.");
  const auto parsed = base::parse_hostname(wildcard ? row.substr(2) : row);
  if (!parsed || parsed.port >= 0) return std::nullopt;
  const std::string& name = parsed.name->string();
  if (wildcard && is_shared(name)) return std::nullopt;
  return wildcard ? "*." + name : name;
}

}  // namespace

std::optional<Origin> parse_origin(std::string_view text) {
  Origin out;
  if (text.starts_with("https://"))
    out.https = true;
  else if (!text.starts_with("http://"))
    return std::nullopt;
  text.remove_prefix(out.https ? 8 : 7);
  const std::size_t colon = text.rfind(':');
  out.host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    out.port = text.substr(colon + 1);
    const bool digits =
        std::all_of(out.port.begin(), out.port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (out.port.empty() || out.port.size() > 5 || !digits) return std::nullopt;
  }
  const auto parsed = base::parse_hostname(out.host);
  if (!parsed || parsed.port >= 0 || parsed.name->text() != out.host) return std::nullopt;
  return out;
}

bool covers(std::string_view pattern, std::string_view host) {
  const auto known = pattern_of(pattern);
  if (!known) return false;
  if (!known->starts_with("*.")) return *known == host;
  const std::string_view parent = std::string_view(*known).substr(2);
  return host == parent || (host.size() > parent.size() && host.ends_with(parent) &&
                            host[host.size() - parent.size() - 1] == '.');
}

namespace {

const identity::AllowedOrigin* row_for(std::string_view host,
                                       std::span<const identity::AllowedOrigin> rows) {
  const auto at = std::find_if(
      rows.begin(), rows.end(),
      [host](const identity::AllowedOrigin& row) { return row.api && covers(row.domain, host); });
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace

OriginVerdict judge_origin(std::span<const std::string_view> origins, std::string_view host,
                           bool secure, std::span<const identity::AllowedOrigin> rows) {
  if (origins.empty()) return OriginVerdict::none;
  const auto origin = origins.size() == 1 ? parse_origin(origins.front()) : std::nullopt;
  if (!origin) return OriginVerdict::refused;
  if (origin->host == host && origin->https == secure) return OriginVerdict::same_origin;
  if (!origin->https || !origin->port.empty()) return OriginVerdict::refused;
  return row_for(origin->host, rows) ? OriginVerdict::allowed : OriginVerdict::refused;
}

const identity::AllowedOrigin* allowing_row(std::string_view text,
                                            std::span<const identity::AllowedOrigin> rows) {
  const auto origin = parse_origin(text);
  return origin ? row_for(origin->host, rows) : nullptr;
}

std::string frame_ancestors(std::span<const identity::AllowedOrigin> rows) {
  std::string out = "'self'";
  std::size_t count = 0;
  for (const identity::AllowedOrigin& row : rows) {
    if (!row.embed) continue;
    const auto pattern = pattern_of(row.domain);
    if (!pattern) continue;
    // "*.x" there is not x itself, here it is.
    std::string more = " https://" + *pattern;
    if (pattern->starts_with("*.")) more += " https://" + pattern->substr(2);
    if (++count > kMostAncestors || out.size() + more.size() > kMostBytes) break;
    out += more;
  }
  return out;
}

}  // namespace marquee::proxy::policy
