#include "identity/verification_key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <boost/json.hpp>

#include "base/base64.hpp"
#include "identity/strict_json.hpp"

namespace marquee::identity {
namespace {

namespace json = boost::json;

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* p) const {
    release(p);
  }
};
using Bignum = std::unique_ptr<BIGNUM, Release<BN_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using Source = std::unique_ptr<BIO, Release<BIO_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Release<ECDSA_SIG_free>>;
using Key = std::shared_ptr<EVP_PKEY>;

// What OpenSSL notes of a failure would be taken for one of the thread's TLS.
struct NoErrorsLeft {
  ~NoErrorsLeft() { ERR_clear_error(); }
};

constexpr std::size_t kP256 = 32;
constexpr std::size_t kEd25519 = 32;

const unsigned char* bytes_of(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

Key own(EVP_PKEY* key) { return key ? Key(key, EVP_PKEY_free) : Key(); }

Bignum number(std::string_view bytes) {
  return Bignum(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Key from_data(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0)
    return {};
  return own(key);
}

Key rsa_key(std::string_view n, std::string_view e) {
  if (n.empty() || n.size() > kMostRsaBits / 8 + 1 || e.empty() || e.size() > 8) return {};
  const Bignum modulus = number(n);
  const Bignum exponent = number(e);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()))
    return {};
  return from_data("RSA", builder.get());
}

Key ec_key(std::string_view x, std::string_view y) {
  if (x.size() != kP256 || y.size() != kP256) return {};
  std::string point("\x04", 1);
  point.append(x).append(y);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      !OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                       0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                        point.size()))
    return {};
  return from_data("EC", builder.get());
}

// A point that is not on the curve, a modulus that is even.
bool sound(EVP_PKEY* key) {
  const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1;
}

// "R || S" (RFC 7518 3.4) as OpenSSL reads it.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kP256) return {};
  Bignum r = number(signature.substr(0, kP256));
  Bignum s = number(signature.substr(kP256));
  const EcSignature pair(ECDSA_SIG_new());
  if (!r || !s || !pair || !ECDSA_SIG_set0(pair.get(), r.get(), s.get())) return {};
  r.release();  // the pair has them now
  s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

// What says of a JWK that it is not for checking signatures (RFC 7517 4.2, 4.3).
std::string_view not_for_signatures(const json::object& jwk) {
  if (jwk.contains("d") || jwk.contains("k")) return "is a private or secret key";
  if (jwk.contains("use") && text_of(jwk, "use") != "sig") return "is not for signatures";
  const json::value* ops = jwk.if_contains("key_ops");
  if (!ops) return {};
  if (const json::array* list = ops->if_array())
    for (const json::value& op : *list)
      if (op == "verify") return {};
  return "is not for checking signatures";
}

}  // namespace

std::string_view name(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::hs256:
      return "HS256";
    case SignatureAlgorithm::rs256:
      return "RS256";
    case SignatureAlgorithm::es256:
      return "ES256";
    case SignatureAlgorithm::eddsa:
      return "EdDSA";
  }
  return {};
}

std::optional<SignatureAlgorithm> parse_algorithm(std::string_view text) {
  for (const auto a : {SignatureAlgorithm::hs256, SignatureAlgorithm::rs256,
                       SignatureAlgorithm::es256, SignatureAlgorithm::eddsa})
    if (text == name(a)) return a;
  return std::nullopt;
}

std::optional<VerificationKey> VerificationKey::from_secret(std::string_view secret,
                                                            std::string id) {
  if (secret.size() < kLeastSecret) return std::nullopt;
  VerificationKey out;
  out.algorithm_ = SignatureAlgorithm::hs256;
  out.id_ = std::move(id);
  out.secret_ = secret;
  return out;
}

// The kind of the key says its algorithm, nobody else.
std::optional<VerificationKey> VerificationKey::of(Key key, std::string id, std::string& why) {
  VerificationKey out;
  if (EVP_PKEY_is_a(key.get(), "RSA")) {
    out.algorithm_ = SignatureAlgorithm::rs256;
    const auto bits = static_cast<std::size_t>(EVP_PKEY_get_bits(key.get()));
    if (bits < kLeastRsaBits || bits > kMostRsaBits) {
      why = "is an RSA key of " + std::to_string(bits) + " bits; 2048 to 8192 are accepted";
      return std::nullopt;
    }
  } else if (EVP_PKEY_is_a(key.get(), "EC")) {
    out.algorithm_ = SignatureAlgorithm::es256;
    char group[32] = {};
    EVP_PKEY_get_group_name(key.get(), group, sizeof group, nullptr);
    if (std::string_view(group) != "prime256v1") {
      why = "is an EC key of another curve than P-256";
      return std::nullopt;
    }
  } else if (EVP_PKEY_is_a(key.get(), "ED25519")) {
    out.algorithm_ = SignatureAlgorithm::eddsa;
  } else {
    why = "is neither RSA, EC P-256 nor Ed25519";
    return std::nullopt;
  }
  if (out.algorithm_ != SignatureAlgorithm::eddsa && !sound(key.get())) {
    why = "is not a sound public key";
    return std::nullopt;
  }
  out.id_ = std::move(id);
  out.key_ = std::move(key);
  return out;
}

std::optional<VerificationKey> VerificationKey::from_jwk(const json::object& jwk,
                                                         std::string& why) {
  const NoErrorsLeft clear;
  if (const std::string_view not_ours = not_for_signatures(jwk); !not_ours.empty()) {
    why = not_ours;
    return std::nullopt;
  }
  const std::string_view id = text_of(jwk, "kid");
  if (id.size() > 256) {
    why = "has a kid of more than 256 bytes";
    return std::nullopt;
  }
  const auto part = [&jwk](std::string_view member) {
    return base::base64url_decode(text_of(jwk, member)).value_or("");
  };
  const std::string_view kind = text_of(jwk, "kty");
  const std::string_view curve = text_of(jwk, "crv");
  Key key;
  if (kind == "RSA") {
    key = rsa_key(part("n"), part("e"));
  } else if (kind == "EC" && curve == "P-256") {
    key = ec_key(part("x"), part("y"));
  } else if (kind == "OKP" && curve == "Ed25519") {
    const std::string x = part("x");
    if (x.size() == kEd25519)
      key = own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
  } else {
    why = "is of a kind or curve that is not understood";
    return std::nullopt;
  }
  if (!key) {
    why = "cannot be read";
    return std::nullopt;
  }
  auto out = of(std::move(key), std::string(id), why);
  if (out && jwk.contains("alg") && text_of(jwk, "alg") != name(out->algorithm_)) {
    why = "has an alg that is not of its kind";
    return std::nullopt;
  }
  return out;
}

std::optional<VerificationKey> VerificationKey::from_pem(std::string_view pem, std::string id,
                                                         std::string& why) {
  const NoErrorsLeft clear;
  const Source source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key = source ? own(PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr)) : Key();
  if (!key) {
    why = "is no public key in PEM (-----BEGIN PUBLIC KEY-----)";
    return std::nullopt;
  }
  return of(std::move(key), std::move(id), why);
}

bool VerificationKey::verify_hmac(std::string_view input, std::string_view signature) const {
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()), bytes_of(input),
            input.size(), mac.data(), &size))
    return false;
  return size == mac.size() && signature.size() == mac.size() &&
         CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
}

bool VerificationKey::verify(std::string_view input, std::string_view signature) const {
  const NoErrorsLeft clear;
  if (algorithm_ == SignatureAlgorithm::hs256) return verify_hmac(input, signature);
  std::string der;
  if (algorithm_ == SignatureAlgorithm::es256) {
    der = der_of(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const Digest digest(EVP_MD_CTX_new());
  const EVP_MD* hash = algorithm_ == SignatureAlgorithm::eddsa ? nullptr : EVP_sha256();
  return digest &&
         EVP_DigestVerifyInit(digest.get(), nullptr, hash, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(digest.get(), bytes_of(signature), signature.size(), bytes_of(input),
                          input.size()) == 1;
}

ReadKeySet read_key_set(std::string_view text) {
  ReadKeySet out;
  json::object set;
  if (!parse_strict(text, {kMostKeySet, 8, 4096}, set)) {
    out.why = "is not a JSON object of unique names within 256 KiB";
    return out;
  }
  const json::value* keys = set.if_contains("keys");
  const json::array* list = keys ? keys->if_array() : nullptr;
  if (!list) {
    out.why = "has no list \"keys\"";
    return out;
  }
  if (list->size() > kMostKeys) {
    out.why = "has more than " + std::to_string(kMostKeys) + " keys";
    return out;
  }
  std::string last;
  for (const json::value& entry : *list) {
    std::optional<VerificationKey> key;
    if (const json::object* jwk = entry.if_object()) key = VerificationKey::from_jwk(*jwk, last);
    if (key)
      out.keys.push_back(std::move(*key));
    else
      ++out.left_out;
  }
  if (out.keys.empty())
    out.why = "has no usable key" + (last.empty() ? std::string() : "; the last one " + last);
  return out;
}

}  // namespace marquee::identity
