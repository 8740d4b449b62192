// A JSON Web Token, judged: RFC 7519 by the rules of RFC 8725 (BCP 225). Pure;
// time comes in, keys come in. Every byte of a token is a stranger's until its
// signature was checked, and its claims are bounded after that, too. At most
// jose::kMostToken bytes are read.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/key_set.hpp"

namespace marquee::identity {

inline constexpr std::size_t kMostClaim = 128;  // bytes of an id, a role, a scope
inline constexpr std::size_t kMostScopes = 64;

enum class TokenFault : std::uint8_t {
  none,
  too_large,
  malformed,    // not three parts of base64url, or their JSON is not strict
  header,       // typ of something else, or crit, or compression
  algorithm,    // "none", or one that no key of ours has
  unknown_key,  // no key of that kid and algorithm: a rotation, perhaps
  signature,
  expired,
  not_yet_valid,  // nbf, or iat, is ahead of our clock
  too_old,        // lives longer than the issuer's rules allow
  issuer,
  audience,
  use,     // a refresh token, say
  claims,  // exp or the user is missing, or a claim is not of its type
};
std::string_view name(TokenFault fault);

// Which claims say what; "app_metadata.role" is a member of a member.
struct ClaimNames {
  std::string user = "sub";
  std::string role = "role";
  std::string agency = "agency_id";
  std::string site = "site_id";
  std::string module = "module_id";
  std::string scope = "scope";
  friend bool operator==(const ClaimNames&, const ClaimNames&) = default;
};

// Who signs tokens, and what has to be true of them.
struct TokenIssuer {
  std::string name;                    // in logs
  std::shared_ptr<const KeySet> keys;  // never null; may be empty (not fetched yet)
  std::string issuer;                  // "iss"; empty: not asked for
  std::vector<std::string> audience;   // one of them in "aud"; empty: a token with aud is refused
  std::int64_t leeway = 30;            // seconds that clocks may differ
  std::int64_t longest = 0;            // seconds from iat to exp; 0: any
  ClaimNames claims;
};

struct Token {
  std::string issuer;  // TokenIssuer::name
  std::string user;
  std::string role;    // empty: none
  std::string agency;  // ids as the token has them; empty: not said
  std::string site;
  std::string module;
  std::string oauth_client;  // "client_id"
  std::vector<std::string> scopes;
  bool scoped = false;       // there was a scope claim, perhaps an empty one
  std::int64_t expires = 0;  // seconds since 1970, without leeway
};

struct TokenVerdict {
  TokenFault fault = TokenFault::none;
  Token token;                    // with none
  std::size_t issuer = SIZE_MAX;  // index of the one whose keys or rules were asked last
};

// The first issuer that may have made the token and whose key signed it judges the
// rest; `now` in seconds since 1970.
TokenVerdict verify_token(std::string_view token, std::span<const TokenIssuer> issuers,
                          std::int64_t now);

}  // namespace marquee::identity
