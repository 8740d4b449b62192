// Proofs by stored credentials and by embed tokens. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "identity/access.hpp"
#include "identity/key_directory.hpp"
#include "identity/sha256.hpp"

namespace marquee::identity {

std::string lower_hex(const Digest& digest);
// 64 hex digits of either case.
std::optional<Digest> digest_of_hex(std::string_view hex);

// What may be an API key at all: 16 to 256 visible ASCII characters.
bool may_be_api_key(std::string_view text);
// That a bearer token is one of the platform's keys, and no token ("dmc_...").
bool is_platform_key(std::string_view text);
// That it is the key of a consumer ("dk_...").
bool is_consumer_key(std::string_view text);

// Every column of the row but those that depend on the request, which judge() sees:
// tenant, scopes, addresses and origins. `digest` is that of the key that was shown.
Proof proof_of(const KeyAnswer<ApiKeyRecord>& answer, const Digest& digest, std::int64_t now);

Proof proof_of(const KeyAnswer<ConsumerRecord>& answer, const Digest& digest);

// Whether "GET /product/{id}" is this request; a parameter, also as ":id", is one
// segment that is not empty. "*" is any. HEAD is covered by GET. `path` is within the
// module's API, decoded.
bool endpoint_fits(const std::vector<std::string>& allowed, std::string_view method,
                   std::string_view path);
// What API mode asks for by method, in any case of its letters: read, write or delete.
std::string_view scope_of_method(std::string_view method);

// What an embed token says of itself.
struct EmbedClaims {
  std::string site;
  std::string module;
  std::int64_t expires = 0;          // seconds since 1970
  std::vector<std::string> domains;  // of the signed form; empty: any
};

// The signed form: "me1.<base64url of JSON>.<base64url of HMAC-SHA256>", the JSON
// being {"siteId", "moduleId", "exp" in milliseconds, "domains": [...] or absent} and
// the MAC over "me1.<base64url of JSON>".
inline constexpr std::string_view kSignedEmbed = "me1.";
std::string sign_embed_token(const EmbedClaims& claims, std::string_view secret);
Proof proof_of_signed_embed(std::string_view token, std::string_view secret, const Digest& digest,
                            std::int64_t now);

// The platform's form: base64url of {siteId, moduleId, exp}, unsigned. It proves
// nothing until its row was asked for; nothing: it is none.
std::optional<EmbedClaims> read_legacy_embed(std::string_view token);
Proof proof_of(const KeyAnswer<EmbedTokenRecord>& answer, const EmbedClaims& claims,
               const Digest& digest, std::int64_t now);

// "/embed/<module>/<site>" and below: which embed the path is of.
struct EmbedPath {
  std::string_view module;
  std::string_view site;
};
std::optional<EmbedPath> embed_path(std::string_view target);

// "https://shop.example:8443" -> "shop.example"; empty: none. Also of a Referer.
std::string_view host_of_origin(std::string_view origin);
// An entry is an origin, a host, or "*.host" for its subdomains and itself.
bool origin_fits(const std::vector<std::string>& allowed, std::string_view origin);

}  // namespace marquee::identity
