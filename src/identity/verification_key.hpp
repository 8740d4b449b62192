// A key that checks signatures, bound to one algorithm for ever (RFC 8725 3.1):
// what a token's header says never chooses how a key is used.
#pragma once
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace marquee::identity {

enum class SignatureAlgorithm : std::uint8_t { hs256, rs256, es256, eddsa };
std::string_view name(SignatureAlgorithm algorithm);  // "HS256"
// Exact, as the header writes it; "none" and all others are nothing.
std::optional<SignatureAlgorithm> parse_algorithm(std::string_view text);

inline constexpr std::size_t kLeastSecret = 32;   // bytes, RFC 7518 3.2
inline constexpr std::size_t kLeastRsaBits = 2048;  // RFC 7518 3.3
inline constexpr std::size_t kMostRsaBits = 8192;   // more is work for strangers to give us

// Immutable; may be shared by threads.
class VerificationKey {
 public:
  // HS256. Nothing if the secret is shorter than kLeastSecret.
  static std::optional<VerificationKey> from_secret(std::string_view secret, std::string id);
  // A public key of RFC 7517: RSA, EC with P-256, OKP with Ed25519 (RFC 8037).
  // Secret ("oct") and private keys, other curves, keys for encryption, and an
  // "alg" that is not the key's are refused: `why` says so.
  static std::optional<VerificationKey> from_jwk(const boost::json::object& jwk, std::string& why);
  // A PEM public key ("BEGIN PUBLIC KEY"); its kind says the algorithm.
  static std::optional<VerificationKey> from_pem(std::string_view pem, std::string id,
                                                 std::string& why);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  const std::string& id() const { return id_; }  // "kid", or ""

  // HMAC is compared in constant time.
  bool verify(std::string_view input, std::string_view signature) const;

 private:
  VerificationKey() = default;
  static std::optional<VerificationKey> of(std::shared_ptr<evp_pkey_st> key, std::string id,
                                           std::string& why);
  bool verify_hmac(std::string_view input, std::string_view signature) const;

  SignatureAlgorithm algorithm_ = SignatureAlgorithm::hs256;
  std::string id_;
  std::string secret_;
  std::shared_ptr<evp_pkey_st> key_;
};

// The keys of one issuer, in the order they were given.
using KeySet = std::vector<VerificationKey>;

inline constexpr std::size_t kMostKeySet = 256u << 10;  // bytes of a JWKS
inline constexpr std::size_t kMostKeys = 64;

// RFC 7517 5. Keys that are not understood are left out, as that section asks, and
// counted; nothing, with `why`, if the text is no key set or none of it is usable.
struct ReadKeySet {
  KeySet keys;
  std::size_t left_out = 0;
  std::string why;  // not empty: refused
};
ReadKeySet read_key_set(std::string_view text);

}  // namespace marquee::identity
