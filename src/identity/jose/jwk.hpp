// JSON Web Keys (RFC 7517; parameters of RFC 7518 section 6 and RFC 8037 section 2).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/jose/key.hpp"

namespace marquee::identity::jose {

// One key of a published set.
struct Jwk {
  std::string kid;  // as published; may be empty
  KeyPtr key;
};

struct JwkSet {
  std::vector<Jwk> keys;
  std::size_t skipped = 0;  // of another kind, for another use, or broken
  std::string error;        // not empty: the document as a whole is no key set
};

inline constexpr std::size_t kMostJwkSet = 256u << 10;  // bytes
inline constexpr std::size_t kMostJwks = 64;

// Public keys for signatures: RSA, EC P-256, OKP Ed25519. Keys with `use` other than
// "sig", or with an `alg` that does not fit, are skipped, as are `oct` keys: a secret
// that was published is none. Private halves in it are ignored.
JwkSet parse_jwk_set(std::string_view json);

// One public key as published, with kid (its thumbprint), alg and use. Empty for
// HS256, which is never published.
std::string public_jwk(const Key& key);
// {"keys":[...]}, in the order given, without those that are never published.
std::string jwk_set(std::span<const KeyPtr> keys);

}  // namespace marquee::identity::jose
