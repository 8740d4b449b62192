// One key of JSON Object Signing: it verifies, and may sign. Immutable once made,
// so that threads may share it; wiped when the last lets go.
//
// Algorithms: HS256, RS256, ES256 (RFC 7518 section 3.1), EdDSA over Ed25519 (RFC
// 8037 section 3.1). A key belongs to exactly one algorithm: a token's header may
// choose a key, never what is done with it ("none", HS256 with a public key).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace marquee::identity::jose {

enum class Algorithm : std::uint8_t { hs256, rs256, es256, eddsa };
std::string_view name(Algorithm algorithm);                  // "HS256"
std::optional<Algorithm> parse_algorithm(std::string_view);  // exactly that; never "none"

class Key;
using KeyPtr = std::shared_ptr<const Key>;
// Null with a sentence that completes "the key ...".
struct MadeKey {
  KeyPtr key;
  std::string error;
};

class Key {
 public:
  // A new key of es256 or eddsa, from OpenSSL's generator.
  static MadeKey generate(Algorithm algorithm);
  // PKCS#8 or traditional PEM, unencrypted, or a public key (SubjectPublicKeyInfo).
  // Ed25519, P-256, or RSA of 2048 to 8192 bits.
  static MadeKey from_pem(std::string_view pem);
  // HS256; at least 32 bytes (RFC 7518 section 3.2), at most 1024.
  static MadeKey from_secret(std::string_view secret);
  // Takes a reference of its own. For jwk.cpp.
  static MadeKey adopt(evp_pkey_st* key);

  ~Key();
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  Algorithm algorithm() const { return algorithm_; }
  bool can_sign() const { return can_sign_; }
  // RFC 7638 over SHA-256, base64url: 43 characters.
  const std::string& thumbprint() const { return thumbprint_; }
  // The public members that the thumbprint is made of, as a JSON object in its
  // canonical form. Empty for HS256: the key is the secret.
  const std::string& public_members() const { return public_members_; }

  // The JWS signature's bytes (of ES256: R and S, 64 bytes); nothing where the key
  // cannot sign or OpenSSL failed.
  std::optional<std::string> sign(std::string_view input) const;
  bool verify(std::string_view input, std::string_view signature) const;

  // PKCS#8 PEM of a private key, or the secret; empty where there is none. The
  // caller wipes it.
  std::string private_text() const;

 private:
  Key() = default;
  Algorithm algorithm_ = Algorithm::eddsa;
  bool can_sign_ = false;
  evp_pkey_st* key_ = nullptr;  // null for HS256
  std::string secret_;
  std::string thumbprint_;
  std::string public_members_;
};

// SHA-256 of `bytes`, raw.
std::string sha256(std::string_view bytes);
// Equal, in a time that does not depend on where they differ.
bool constant_time_equal(std::string_view a, std::string_view b);
void wipe(std::string& secret);

}  // namespace marquee::identity::jose
