#include "identity/token.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <optional>

#include "base/base64.hpp"
#include "identity/jose/jws.hpp"
#include "identity/strict_json.hpp"

namespace marquee::identity {
namespace {

namespace json = boost::json;

// Keys tried for a token that does not name one: each is an RSA operation.
constexpr std::size_t kMostTries = 4;
constexpr JsonBounds kBounds{jose::kMostToken, 6, 128};
constexpr double kMostTime = 253'402'300'799;  // the end of the year 9999

bool object_of(std::string_view part, json::object& out) {
  const auto text = base::base64url_decode(part);
  return text && parse_strict(*text, kBounds, out);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// RFC 8725 3.11, RFC 9068 2.1: explicit types; none at all is common, and allowed.
bool known_type(const json::object& header) {
  if (!header.contains("typ")) return true;
  std::string_view type = text_of(header, "typ");
  constexpr std::string_view media = "application/";
  if (same_word(type.substr(0, media.size()), media)) type.remove_prefix(media.size());
  return same_word(type, "JWT") || same_word(type, "at+jwt");
}

const json::value* member(const json::object& object, std::string_view path) {
  const json::object* at = &object;
  for (;;) {
    const std::size_t dot = path.find('.');
    // A claim may have a dot in its own name ("https://x.example/role").
    if (const json::value* whole = at->if_contains({path.data(), path.size()})) return whole;
    if (dot == path.npos) return nullptr;
    const json::value* next = at->if_contains({path.data(), dot});
    at = next ? next->if_object() : nullptr;
    if (!at) return nullptr;
    path.remove_prefix(dot + 1);
  }
}

// Ids and words that go into fields and logs: visible ASCII without quotes.
bool is_word(std::string_view text) {
  if (text.empty() || text.size() > kMostClaim) return false;
  for (const char c : text)
    if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == ',') return false;
  return true;
}

// Absent and null are "not said"; anything but a word is a fault.
bool read_word(const json::object& claims, std::string_view path, std::string& out) {
  const json::value* value = path.empty() ? nullptr : member(claims, path);
  if (!value || value->is_null()) return true;
  const json::string* text = value->if_string();
  if (!text || !is_word({text->data(), text->size()})) return false;
  out.assign(text->data(), text->size());
  return true;
}

bool add_scope(std::string_view word, std::vector<std::string>& scopes) {
  if (!is_word(word) || scopes.size() >= kMostScopes) return false;
  scopes.emplace_back(word);
  return true;
}

// RFC 8693 4.2: words with spaces between; some issuers write a list.
bool read_scopes(const json::object& claims, const ClaimNames& names, Token& out) {
  const json::value* value = names.scope.empty() ? nullptr : member(claims, names.scope);
  if (!value || value->is_null()) return true;
  out.scoped = true;
  if (const json::array* list = value->if_array()) {
    for (const json::value& entry : *list) {
      const json::string* word = entry.if_string();
      if (!word || !add_scope({word->data(), word->size()}, out.scopes)) return false;
    }
    return true;
  }
  const json::string* text = value->if_string();
  if (!text) return false;
  std::string_view rest(text->data(), text->size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0 && !add_scope(rest.substr(0, end), out.scopes)) return false;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return true;
}

enum class Time : std::uint8_t { absent, good, bad };

// NumericDate (RFC 7519 2) may have a fraction.
Time read_time(const json::object& claims, std::string_view name, std::int64_t& out) {
  const json::value* value = claims.if_contains({name.data(), name.size()});
  if (!value) return Time::absent;
  if (!value->is_number()) return Time::bad;
  const double seconds = value->to_number<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMostTime) return Time::bad;
  out = static_cast<std::int64_t>(std::floor(seconds));
  return Time::good;
}

TokenFault check_times(const json::object& claims, const TokenIssuer& rules, std::int64_t now,
                       Token& out) {
  std::int64_t not_before = 0;
  std::int64_t issued = 0;
  if (read_time(claims, "exp", out.expires) != Time::good) return TokenFault::claims;
  const Time nbf = read_time(claims, "nbf", not_before);
  const Time iat = read_time(claims, "iat", issued);
  if (nbf == Time::bad || iat == Time::bad) return TokenFault::claims;
  if (now >= out.expires + rules.leeway) return TokenFault::expired;
  if (nbf == Time::good && not_before > now + rules.leeway) return TokenFault::not_yet_valid;
  if (iat == Time::good && issued > now + rules.leeway) return TokenFault::not_yet_valid;
  if (rules.longest == 0) return TokenFault::none;
  if (iat == Time::absent) return TokenFault::claims;
  return out.expires - issued > rules.longest ? TokenFault::too_old : TokenFault::none;
}

// RFC 7519 4.1.3: a token for others is refused, also where we have no name.
bool audience_fits(const json::object& claims, const TokenIssuer& rules) {
  const json::value* value = claims.if_contains("aud");
  if (!value) return rules.audience.empty();
  const auto ours = [&rules](const json::value& entry) {
    const json::string* text = entry.if_string();
    if (!text) return false;
    for (const std::string& name : rules.audience)
      if (std::string_view(text->data(), text->size()) == name) return true;
    return false;
  };
  if (const json::array* list = value->if_array()) {
    for (const json::value& entry : *list)
      if (ours(entry)) return true;
    return false;
  }
  return ours(*value);
}

TokenFault judge(const json::object& claims, const TokenIssuer& rules, std::int64_t now,
                 Token& out) {
  if (!rules.issuer.empty() && text_of(claims, "iss") != rules.issuer) return TokenFault::issuer;
  if (!audience_fits(claims, rules)) return TokenFault::audience;
  if (const TokenFault fault = check_times(claims, rules, now, out); fault != TokenFault::none)
    return fault;
  // The platform signs refresh tokens with the same key (contract 2.7).
  if (claims.contains("type") && text_of(claims, "type") != "access") return TokenFault::use;
  const ClaimNames& names = rules.claims;
  out.issuer = rules.name;
  const bool read =
      read_word(claims, names.user, out.user) && !out.user.empty() &&
      read_word(claims, names.role, out.role) && read_word(claims, names.agency, out.agency) &&
      read_word(claims, names.site, out.site) && read_word(claims, names.module, out.module) &&
      read_word(claims, "client_id", out.oauth_client) && read_scopes(claims, names, out);
  return read ? TokenFault::none : TokenFault::claims;
}

// Before the signature: an issuer that is not named is not asked.
bool may_be_of(const TokenIssuer& issuer, const json::object& claims) {
  return issuer.issuer.empty() || text_of(claims, "iss") == issuer.issuer;
}

// unknown_key: none fits; signature: those that fit did not sign it.
TokenFault check_signature(std::string_view input, std::string_view signature, std::string_view kid,
                           jose::Algorithm algorithm, const KeySet& keys) {
  TokenFault fault = TokenFault::unknown_key;
  std::size_t tries = 0;
  for (const jose::Jwk& entry : keys) {
    if (entry.key->algorithm() != algorithm) continue;
    // A key without a name fits every name: it is the issuer's only one.
    if (!kid.empty() && !entry.kid.empty() && entry.kid != kid) continue;
    if (entry.key->verify(input, signature)) return TokenFault::none;
    fault = TokenFault::signature;
    if (++tries == kMostTries) break;
  }
  return fault;
}

TokenVerdict refused(TokenFault fault) {
  TokenVerdict out;
  out.fault = fault;
  return out;
}

}  // namespace

std::string_view name(TokenFault fault) {
  switch (fault) {
    case TokenFault::none:
      return "none";
    case TokenFault::too_large:
      return "too_large";
    case TokenFault::malformed:
      return "malformed";
    case TokenFault::header:
      return "header";
    case TokenFault::algorithm:
      return "algorithm";
    case TokenFault::unknown_key:
      return "unknown_key";
    case TokenFault::signature:
      return "signature";
    case TokenFault::expired:
      return "expired";
    case TokenFault::not_yet_valid:
      return "not_yet_valid";
    case TokenFault::too_old:
      return "too_old";
    case TokenFault::issuer:
      return "issuer";
    case TokenFault::audience:
      return "audience";
    case TokenFault::use:
      return "use";
    case TokenFault::claims:
      return "claims";
  }
  return {};
}

TokenVerdict verify_token(std::string_view token, std::span<const TokenIssuer> issuers,
                          std::int64_t now) {
  if (token.size() > jose::kMostToken) return refused(TokenFault::too_large);
  const auto parts = jose::split_compact(token);
  json::object header;
  json::object claims;
  if (!parts || !object_of(parts->header, header) || !object_of(parts->payload, claims))
    return refused(TokenFault::malformed);
  const auto signature = base::base64url_decode(parts->signature);
  if (!signature) return refused(TokenFault::malformed);
  // RFC 7515 4.1.11: what must be understood is not understood here.
  if (header.contains("crit") || header.contains("zip") || !known_type(header))
    return refused(TokenFault::header);
  const auto algorithm = jose::parse_algorithm(text_of(header, "alg"));
  if (!algorithm) return refused(TokenFault::algorithm);
  if (const json::value* kid = header.if_contains("kid"); kid && !kid->is_string())
    return refused(TokenFault::header);
  const std::string_view kid = text_of(header, "kid");

  TokenVerdict out = refused(TokenFault::issuer);
  bool algorithm_known = false;
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    for (const jose::Jwk& entry : *issuers[i].keys)
      algorithm_known |= entry.key->algorithm() == *algorithm;
    if (!may_be_of(issuers[i], claims)) continue;
    const TokenFault fault =
        check_signature(parts->signed_part, *signature, kid, *algorithm, *issuers[i].keys);
    if (fault == TokenFault::none) {
      out.issuer = i;
      out.fault = judge(claims, issuers[i], now, out.token);
      if (out.fault != TokenFault::none) out.token = {};
      return out;
    }
    // A key that fits and did not sign says more than none that fits.
    if (out.fault != TokenFault::signature) {
      out.fault = fault;
      out.issuer = i;
    }
  }
  if (out.fault == TokenFault::unknown_key && !algorithm_known && kid.empty())
    out.fault = TokenFault::algorithm;
  return out;
}

}  // namespace marquee::identity
