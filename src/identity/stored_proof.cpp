#include "identity/stored_proof.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/base64.hpp"
#include "base/http_method.hpp"
#include "identity/jose/key.hpp"
#include "identity/strict_json.hpp"

namespace marquee::identity {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostEmbed = 2048;
constexpr JsonBounds kEmbedBounds{kMostEmbed, 3, 64};
constexpr double kMostTime = 253'402'300'799'000;  // milliseconds: the year 9999

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_letters(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool is_id(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<EmbedClaims> read_claims(std::string_view encoded) {
  const auto text = base::base64url_decode(encoded);
  json::object object;
  if (!text || !parse_strict(*text, kEmbedBounds, object)) return std::nullopt;
  EmbedClaims out;
  out.site = text_of(object, "siteId");
  out.module = text_of(object, "moduleId");
  const json::value* exp = object.if_contains("exp");
  if (!is_id(out.site) || !is_id(out.module) || !exp || !exp->is_number()) return std::nullopt;
  const double ms = exp->to_number<double>();
  if (!std::isfinite(ms) || ms < 0 || ms > kMostTime) return std::nullopt;
  out.expires = static_cast<std::int64_t>(ms) / 1000;
  const json::value* domains = object.if_contains("domains");
  if (!domains) return out;
  const json::array* list = domains->if_array();
  if (!list || list->empty()) return std::nullopt;
  for (const json::value& entry : *list) {
    const json::string* domain = entry.if_string();
    if (!domain || domain->empty() || domain->size() > 253) return std::nullopt;
    out.domains.emplace_back(domain->data(), domain->size());
  }
  return out;
}

Proof failed(Credential kind, AccessResult result) {
  Proof out;
  out.kind = kind;
  out.result = result;
  return out;
}

Proof good_embed(const EmbedClaims& claims, const Digest& digest) {
  Proof out;
  out.kind = Credential::embed;
  out.result = AccessResult::granted;
  out.caller.auth = AuthType::embed;
  out.caller.site = claims.site;
  out.caller.bound_site = claims.site;
  out.caller.bound_module = claims.module;
  out.caller.digest = digest;
  out.caller.expires_at = std::chrono::sys_seconds(std::chrono::seconds(claims.expires));
  out.module = claims.module;
  out.origins = claims.domains;
  return out;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('{') ? segment.ends_with('}')
                                                        : segment.size() > 1 && segment[0] == ':';
}

// Segment by segment, in their own spelling: another one is another endpoint.
bool same_segments(std::string_view pattern, std::string_view path) {
  if (!pattern.starts_with('/') || !path.starts_with('/')) return false;
  for (;;) {
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    const std::string_view found = path.substr(0, path.find('/'));
    if (is_parameter(wanted) ? found.empty() : wanted != found) return false;
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(found.size());
    if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
  }
}

// The hash in the row, held against that of what was shown.
bool same_hash(std::string_view stored, const Digest& digest) {
  return jose::constant_time_equal(stored, lower_hex(digest));
}

// What rows of keys of both kinds allow.
Proof proof_of_key(Credential kind, KeyFound status, const KeyRecord& row, const Digest& digest) {
  if (status == KeyFound::unavailable) return failed(kind, AccessResult::unavailable);
  if (status == KeyFound::absent || !same_hash(row.hash, digest) || row.broken || !row.active ||
      row.module.empty() || row.site.empty())
    return failed(kind, AccessResult::invalid);
  Proof out;
  out.kind = kind;
  out.result = AccessResult::granted;
  out.caller.agency = row.agency;
  out.caller.site = row.site;
  out.caller.bound_agency = row.agency;
  out.caller.bound_site = row.site;
  out.caller.bound_module = row.module;
  out.caller.limit_per_minute = row.per_minute;
  out.caller.limit_per_day = row.per_day;
  out.caller.digest = digest;
  out.module = row.module;
  out.scopes = row.scopes;
  out.scoped = true;
  out.addresses = base::CidrList(row.addresses);
  return out;
}

}  // namespace

std::string lower_hex(const Digest& digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::optional<Digest> digest_of_hex(std::string_view hex) {
  const auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  Digest out{};
  if (hex.size() != 2 * out.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = nibble(hex[2 * i]);
    const int low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

bool may_be_api_key(std::string_view text) {
  if (text.size() < 16 || text.size() > 256) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_platform_key(std::string_view text) {
  return text.starts_with("dmc_") && text.find('.') == text.npos;
}

bool is_consumer_key(std::string_view text) { return text.starts_with("dk_"); }

Proof proof_of(const KeyAnswer<ApiKeyRecord>& answer, const Digest& digest, std::int64_t now) {
  const ApiKeyRecord& row = answer.record;
  Proof out = proof_of_key(Credential::api_key, answer.status, row, digest);
  if (out.result != AccessResult::granted) return out;
  if (row.revoked) return failed(Credential::api_key, AccessResult::invalid);
  if (row.expires_at && row.expires_at->time_since_epoch().count() <= now)
    return failed(Credential::api_key, AccessResult::expired);
  out.caller.auth = AuthType::api_key;
  out.caller.api_key = row.id;
  if (row.expires_at) out.caller.expires_at = *row.expires_at;
  out.origins = row.origins;
  return out;
}

Proof proof_of(const KeyAnswer<ConsumerRecord>& answer, const Digest& digest) {
  Proof out = proof_of_key(Credential::consumer, answer.status, answer.record, digest);
  if (out.result != AccessResult::granted) return out;
  out.caller.auth = AuthType::consumer;
  out.caller.consumer = answer.record.id;
  out.endpoints = answer.record.endpoints;
  return out;
}

bool endpoint_fits(const std::vector<std::string>& allowed, std::string_view method,
                   std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view entry) {
    if (entry == "*") return true;
    if (!entry.starts_with(wanted) || entry.size() <= wanted.size() || entry[wanted.size()] != ' ')
      return false;
    return same_segments(entry.substr(wanted.size() + 1), path);
  });
}

std::string_view scope_of_method(std::string_view method) {
  for (const auto reading : {"GET", "HEAD", "OPTIONS"})
    if (base::is_method(method, reading)) return "read";
  return base::is_method(method, "DELETE") ? "delete" : "write";
}

std::string sign_embed_token(const EmbedClaims& claims, std::string_view secret) {
  json::object object{
      {"siteId", claims.site}, {"moduleId", claims.module}, {"exp", claims.expires * 1000}};
  if (!claims.domains.empty()) object["domains"] = json::value_from(claims.domains);
  const std::string signed_part =
      std::string(kSignedEmbed) + base::base64url_encode(json::serialize(object));
  const jose::KeyPtr key = jose::Key::from_secret(secret).key;
  const auto mac = key ? key->sign(signed_part) : std::nullopt;
  return mac ? signed_part + "." + base::base64url_encode(*mac) : std::string();
}

Proof proof_of_signed_embed(std::string_view token, std::string_view secret, const Digest& digest,
                            std::int64_t now) {
  const Proof wrong = failed(Credential::embed, AccessResult::invalid);
  const std::size_t dot = token.rfind('.');
  if (token.size() > kMostEmbed || dot < kSignedEmbed.size() || dot == token.npos) return wrong;
  const jose::KeyPtr key = jose::Key::from_secret(secret).key;
  const auto mac = base::base64url_decode(token.substr(dot + 1));
  if (!key || !mac || !key->verify(token.substr(0, dot), *mac)) return wrong;
  const auto claims = read_claims(token.substr(kSignedEmbed.size(), dot - kSignedEmbed.size()));
  if (!claims) return wrong;
  if (claims->expires <= now) return failed(Credential::embed, AccessResult::expired);
  return good_embed(*claims, digest);
}

std::optional<EmbedClaims> read_legacy_embed(std::string_view token) {
  if (token.size() > kMostEmbed || token.find('.') != token.npos) return std::nullopt;
  auto claims = read_claims(token);
  if (claims) claims->domains.clear();  // whoever wrote them: the row's count
  return claims;
}

Proof proof_of(const KeyAnswer<EmbedTokenRecord>& answer, const EmbedClaims& claims,
               const Digest& digest, std::int64_t now) {
  if (answer.status == KeyFound::unavailable)
    return failed(Credential::embed, AccessResult::unavailable);
  const EmbedTokenRecord& row = answer.record;
  if (answer.status == KeyFound::absent || !same_hash(row.hash, digest) || row.broken ||
      row.revoked || row.site != claims.site || row.module != claims.module)
    return failed(Credential::embed, AccessResult::invalid);
  EmbedClaims bound = claims;
  if (row.expires_at)
    bound.expires =
        std::min<std::int64_t>(bound.expires, row.expires_at->time_since_epoch().count());
  if (bound.expires <= now) return failed(Credential::embed, AccessResult::expired);
  bound.domains = row.domains;
  return good_embed(bound, digest);
}

std::optional<EmbedPath> embed_path(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  constexpr std::string_view prefix = "/embed/";
  // In any case, as some servers take it.
  if (!same_letters(path.substr(0, prefix.size()), prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  const std::size_t slash = path.find('/');
  if (slash == 0 || slash == path.npos) return std::nullopt;
  const std::string_view rest = path.substr(slash + 1);
  const std::string_view site = rest.substr(0, rest.find('/'));
  if (site.empty()) return std::nullopt;
  return EmbedPath{path.substr(0, slash), site};
}

std::string_view host_of_origin(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == origin.npos) return {};
  std::string_view host = origin.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.find('@') != host.npos) return {};
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool origin_fits(const std::vector<std::string>& allowed, std::string_view origin) {
  const std::string_view host = host_of_origin(origin);
  if (host.empty()) return false;
  const std::size_t end = origin.find('/', origin.find("://") + 3);
  const std::string_view whole = origin.substr(0, end);
  for (const std::string_view entry : allowed) {
    if (entry.find("://") != entry.npos) {
      if (same_letters(entry.ends_with('/') ? entry.substr(0, entry.size() - 1) : entry, whole))
        return true;
      continue;
    }
    if (same_letters(entry, host)) return true;
    if (!entry.starts_with("*.") || entry.size() < 4) continue;
    const std::string_view parent = entry.substr(2);
    if (same_letters(parent, host)) return true;
    if (host.size() > parent.size() + 1 && host[host.size() - parent.size() - 1] == '.' &&
        same_letters(host.substr(host.size() - parent.size()), parent))
      return true;
  }
  return false;
}

}  // namespace marquee::identity
