// JSON Web Signature, compact serialization (RFC 7515 section 7.1). Base64url is
// base/base64.hpp: strict, one spelling of each value.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "identity/jose/key.hpp"

namespace marquee::identity::jose {

inline constexpr std::size_t kMostToken = 8u << 10;  // bytes of a token, whoever sends it

// A token taken apart; nothing of it is believed yet. The views are of the token.
struct CompactParts {
  std::string_view signed_part;  // header and payload with the dot between, as signed
  std::string_view header;       // base64url
  std::string_view payload;      // base64url
  std::string_view signature;    // base64url
};
// Nothing unless there are exactly three parts, none of the first two empty, within
// kMostToken.
std::optional<CompactParts> split_compact(std::string_view token);

struct Header {
  std::optional<Algorithm> algorithm;  // nothing: none, or one that is not ours
  std::string kid;                     // may be empty
  std::string typ;                     // may be empty
};
// From base64url. Nothing for what is no JSON object, has members of another type, or
// has `crit` (RFC 7515 section 4.1.11: we know no extension) or `b64`. Of a member that
// is given twice the last counts (section 4).
std::optional<Header> parse_header(std::string_view base64url);

// True only where the header's algorithm is the key's own and the signature is good.
bool verify_compact(const CompactParts& parts, const Header& header, const Key& key);

// base64url of {"alg":..,"kid":..,"typ":"JWT"}: the same for all tokens of a key.
std::string encode_header(const Key& key, std::string_view kid);
// header "." base64url(payload) "." signature; nothing where signing failed.
std::optional<std::string> sign_compact(const Key& key, std::string_view encoded_header,
                                        std::string_view payload_json);

}  // namespace marquee::identity::jose
