#include "identity/jose/key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/base64.hpp"

namespace marquee::identity::jose {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr std::size_t kHalf = 32;  // of a P-256 signature or coordinate

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
unsigned char* bytes(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

std::string number_of(const EVP_PKEY* key, const char* parameter, std::size_t width) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) return {};
  const BignumPtr number(raw);
  const std::size_t size = width ? width : static_cast<std::size_t>(BN_num_bytes(raw));
  std::string out(size, '\0');
  if (BN_bn2binpad(raw, bytes(out), static_cast<int>(size)) < 0) return {};
  return base::base64url_encode(out);
}

// Canonical: members in the order of their names, no space (RFC 7638 section 3.3).
std::string members_of(const EVP_PKEY* key, Algorithm algorithm) {
  if (algorithm == Algorithm::rs256) {
    const std::string n = number_of(key, OSSL_PKEY_PARAM_RSA_N, 0);
    const std::string e = number_of(key, OSSL_PKEY_PARAM_RSA_E, 0);
    if (n.empty() || e.empty()) return {};
    return R"({"e":")" + e + R"(","kty":"RSA","n":")" + n + "\"}";
  }
  if (algorithm == Algorithm::es256) {
    const std::string x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, kHalf);
    const std::string y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, kHalf);
    if (x.empty() || y.empty()) return {};
    return R"({"crv":"P-256","kty":"EC","x":")" + x + R"(","y":")" + y + "\"}";
  }
  std::string x(kHalf, '\0');
  std::size_t size = x.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes(x), &size) != 1 || size != kHalf) return {};
  return R"({"crv":"Ed25519","kty":"OKP","x":")" + base::base64url_encode(x) + "\"}";
}

std::optional<Algorithm> algorithm_of(const EVP_PKEY* key, std::string& error) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return Algorithm::eddsa;
    case EVP_PKEY_EC: {
      char group[64]{};
      std::size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
          std::string_view(group) == "prime256v1")
        return Algorithm::es256;
      error = "is on another curve than P-256";
      return std::nullopt;
    }
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= 2048 && bits <= 8192) return Algorithm::rs256;
      error = "is RSA of " + std::to_string(bits) + " bits; 2048 to 8192 are accepted";
      return std::nullopt;
    }
    default:
      error = "is neither Ed25519, nor P-256, nor RSA";
      return std::nullopt;
  }
}

// A signature in DER (RFC 3279 section 2.2.3) and as RFC 7518 section 3.4 wants it.
std::string raw_of_der(std::string_view der) {
  const unsigned char* at = bytes(der);
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * kHalf, '\0');
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes(raw), kHalf) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes(raw) + kHalf, kHalf) < 0)
    return {};
  return raw;
}

std::string der_of_raw(std::string_view raw) {
  if (raw.size() != 2 * kHalf) return {};
  BignumPtr r(BN_bin2bn(bytes(raw), kHalf, nullptr));
  BignumPtr s(BN_bin2bn(bytes(raw) + kHalf, kHalf, nullptr));
  const SignaturePtr signature(ECDSA_SIG_new());
  if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());  // the signature's now
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string hmac(std::string_view key, std::string_view input) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(input), input.size(),
            bytes(out), &size) ||
      size != out.size())
    return {};
  return out;
}

const EVP_MD* digest_of(Algorithm algorithm) {
  return algorithm == Algorithm::eddsa ? nullptr : EVP_sha256();
}

bool has_private_half(const EVP_PKEY* key, Algorithm algorithm) {
  std::size_t size = 0;
  if (algorithm == Algorithm::eddsa)
    return EVP_PKEY_get_raw_private_key(key, nullptr, &size) == 1 && size > 0;
  BIGNUM* number = nullptr;
  const char* const parameter =
      algorithm == Algorithm::rs256 ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY;
  const bool found = EVP_PKEY_get_bn_param(key, parameter, &number) == 1;
  BN_clear_free(number);
  return found;
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::hs256:
      return "HS256";
    case Algorithm::rs256:
      return "RS256";
    case Algorithm::es256:
      return "ES256";
    case Algorithm::eddsa:
      return "EdDSA";
  }
  return "EdDSA";
}

std::optional<Algorithm> parse_algorithm(std::string_view text) {
  for (const Algorithm a : {Algorithm::hs256, Algorithm::rs256, Algorithm::es256, Algorithm::eddsa})
    if (text == name(a)) return a;
  return std::nullopt;
}

std::string sha256(std::string_view input) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes(input), input.size(), bytes(out));
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

Key::~Key() {
  EVP_PKEY_free(key_);
  wipe(secret_);
}

MadeKey Key::adopt(EVP_PKEY* pkey) {
  std::string error;
  const std::optional<Algorithm> algorithm = algorithm_of(pkey, error);
  if (!algorithm) return {nullptr, error};
  const std::shared_ptr<Key> key(new Key);
  key->algorithm_ = *algorithm;
  EVP_PKEY_up_ref(pkey);
  key->key_ = pkey;
  key->can_sign_ = has_private_half(pkey, *algorithm);
  key->public_members_ = members_of(pkey, *algorithm);
  ERR_clear_error();
  if (key->public_members_.empty()) return {nullptr, "has no public half"};
  key->thumbprint_ = base::base64url_encode(sha256(key->public_members_));
  return {key, {}};
}

MadeKey Key::generate(Algorithm algorithm) {
  PkeyPtr pkey;
  if (algorithm == Algorithm::eddsa)
    pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  else if (algorithm == Algorithm::es256)
    pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  else
    return {nullptr, "cannot be made: only EdDSA and ES256 keys are"};
  if (!pkey) {
    ERR_clear_error();
    return {nullptr, "cannot be made: the system gave no randomness"};
  }
  return adopt(pkey.get());
}

MadeKey Key::from_pem(std::string_view pem) {
  ERR_clear_error();
  // A callback that gives no passphrase, so that no terminal is asked.
  const auto refuse = [](char*, int, int, void*) { return -1; };
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PkeyPtr pkey(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, nullptr) : nullptr);
  if (!pkey) {
    const BioPtr again(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    pkey.reset(again ? PEM_read_bio_PUBKEY(again.get(), nullptr, refuse, nullptr) : nullptr);
  }
  ERR_clear_error();
  if (!pkey) return {nullptr, "is not an unencrypted key in PEM"};
  return adopt(pkey.get());
}

MadeKey Key::from_secret(std::string_view secret) {
  if (secret.size() < 32 || secret.size() > 1024)
    return {nullptr, "has " + std::to_string(secret.size()) + " bytes; HS256 wants 32 to 1024"};
  const std::shared_ptr<Key> key(new Key);
  key->algorithm_ = Algorithm::hs256;
  key->can_sign_ = true;
  key->secret_ = secret;
  std::string members = R"({"k":")" + base::base64url_encode(secret) + R"(","kty":"oct"})";
  key->thumbprint_ = base::base64url_encode(sha256(members));
  wipe(members);
  return {key, {}};
}

std::optional<std::string> Key::sign(std::string_view input) const {
  if (!can_sign_) return std::nullopt;
  if (algorithm_ == Algorithm::hs256) {
    std::string mac = hmac(secret_, input);
    if (mac.empty()) return std::nullopt;
    return mac;
  }
  const DigestPtr context(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key_));
  std::string out(size, '\0');
  const bool signed_it =
      context &&
      EVP_DigestSignInit(context.get(), nullptr, digest_of(algorithm_), nullptr, key_) == 1 &&
      EVP_DigestSign(context.get(), bytes(out), &size, bytes(input), input.size()) == 1;
  if (!signed_it) {
    ERR_clear_error();
    return std::nullopt;
  }
  out.resize(size);
  if (algorithm_ == Algorithm::es256) out = raw_of_der(out);
  if (out.empty()) return std::nullopt;
  return out;
}

bool Key::verify(std::string_view input, std::string_view signature) const {
  if (algorithm_ == Algorithm::hs256) {
    const std::string mac = hmac(secret_, input);
    return !mac.empty() && constant_time_equal(mac, signature);
  }
  std::string der;
  if (algorithm_ == Algorithm::es256) {
    der = der_of_raw(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const DigestPtr context(EVP_MD_CTX_new());
  const bool good =
      context &&
      EVP_DigestVerifyInit(context.get(), nullptr, digest_of(algorithm_), nullptr, key_) == 1 &&
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(input),
                       input.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

std::string Key::private_text() const {
  if (algorithm_ == Algorithm::hs256) return secret_;
  if (!can_sign_) return {};
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key_, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    ERR_clear_error();
    return {};
  }
  char* data = nullptr;
  const long size = BIO_ctrl(bio.get(), BIO_CTRL_INFO, 0, &data);
  return {data, size > 0 ? static_cast<std::size_t>(size) : 0};
}

}  // namespace marquee::identity::jose
