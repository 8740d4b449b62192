// Tokens for tests: signed with keys that are made on the spot.
#pragma once
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/base64.hpp"

namespace signing {

inline std::string b64(std::string_view s) { return marquee::base::base64url_encode(s); }

inline std::string hmac(std::string_view key, std::string_view input) {
  unsigned char mac[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return {reinterpret_cast<char*>(mac), size};
}

inline std::string hs256(std::string_view key, std::string_view header, std::string_view payload) {
  const std::string input = b64(header) + "." + b64(payload);
  return input + "." + b64(hmac(key, input));
}
inline std::string hs256(std::string_view key, std::string_view payload) {
  return hs256(key, R"({"alg":"HS256","typ":"JWT"})", payload);
}

struct KeyPair {
  std::shared_ptr<EVP_PKEY> key;
  explicit KeyPair(EVP_PKEY* k) : key(k, EVP_PKEY_free) {}
  static KeyPair rsa(unsigned bits = 2048) { return KeyPair(EVP_RSA_gen(bits)); }
  static KeyPair ec(const char* curve = "P-256") { return KeyPair(EVP_EC_gen(curve)); }
  static KeyPair ed25519() { return KeyPair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

  std::string pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(out, key.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }
  std::string number(const char* name) const {
    BIGNUM* n = nullptr;
    EVP_PKEY_get_bn_param(key.get(), name, &n);
    std::string out(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
    BN_bn2bin(n, reinterpret_cast<unsigned char*>(out.data()));
    BN_free(n);
    return out;
  }
  // The members of its public JWK, without braces.
  std::string jwk() const {
    if (EVP_PKEY_is_a(key.get(), "RSA"))
      return R"("kty":"RSA","n":")" + b64(number("n")) + R"(","e":")" + b64(number("e")) + '"';
    if (EVP_PKEY_is_a(key.get(), "ED25519")) {
      unsigned char raw[32];
      std::size_t size = sizeof raw;
      EVP_PKEY_get_raw_public_key(key.get(), raw, &size);
      return R"("kty":"OKP","crv":"Ed25519","x":")" + b64({reinterpret_cast<char*>(raw), size}) +
             '"';
    }
    const auto coordinate = [this](const char* name) {
      std::string n = number(name);
      return b64(std::string(32 - n.size(), '\0') + n);
    };
    return R"("kty":"EC","crv":"P-256","x":")" + coordinate("qx") + R"(","y":")" +
           coordinate("qy") + '"';
  }
  std::string sign(std::string_view input) const {
    const bool ed = EVP_PKEY_is_a(key.get(), "ED25519");
    EVP_MD_CTX* c = EVP_MD_CTX_new();
    EVP_DigestSignInit(c, nullptr, ed ? nullptr : EVP_sha256(), nullptr, key.get());
    std::size_t size = 1024;
    std::string out(size, '\0');
    EVP_DigestSign(c, reinterpret_cast<unsigned char*>(out.data()), &size,
                   reinterpret_cast<const unsigned char*>(input.data()), input.size());
    EVP_MD_CTX_free(c);
    out.resize(size);
    if (!EVP_PKEY_is_a(key.get(), "EC")) return out;
    const auto* der = reinterpret_cast<const unsigned char*>(out.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(out.size()));
    std::string raw(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), reinterpret_cast<unsigned char*>(raw.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), reinterpret_cast<unsigned char*>(raw.data()) + 32, 32);
    ECDSA_SIG_free(pair);
    return raw;
  }
  std::string token(std::string_view header, std::string_view payload) const {
    const std::string input = b64(header) + "." + b64(payload);
    return input + "." + b64(sign(input));
  }
};

}  // namespace signing
