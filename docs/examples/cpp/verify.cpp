// Verifies the tenant context that Marquee sends (x-tenant-context), with OpenSSL 3
// and Boost.JSON:
//   g++ -std=c++20 -O2 verify.cpp -o verify -lcrypto -lboost_json
//   ./verify JWKS_FILE ISSUER AUDIENCE TOKEN     prints the claims, or ends with 1
// The key set is the caller's to fetch: again every five minutes, and for a kid that
// it does not hold, but not more often than every five seconds.
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <boost/json.hpp>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace json = boost::json;

namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

[[noreturn]] void refuse(const char* why) { throw std::runtime_error(why); }

std::string decode(std::string_view text) {  // base64url without padding
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) refuse("not base64url");
    bits = bits << 6 | static_cast<unsigned>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

json::object object_of(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) refuse("not a JSON object");
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_int64()) refuse("a time is missing");
  return value->get_int64();
}

Key p256(const std::string& x, const std::string& y) {
  if (x.size() != 32 || y.size() != 32) return nullptr;
  const std::string point = "\x04" + x + y;
  const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get());
  return Key(key);
}

bool signature_is_good(const json::object& jwk, std::string_view input, std::string signature) {
  const bool ed25519 = text_of(jwk, "alg") == "EdDSA" && text_of(jwk, "crv") == "Ed25519";
  const std::string x = decode(text_of(jwk, "x"));
  Key key;
  if (ed25519) {
    key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(x), x.size()));
  } else if (text_of(jwk, "alg") == "ES256" && signature.size() == 64) {
    key = p256(x, decode(text_of(jwk, "y")));
    // A JWS holds R and S (RFC 7518 section 3.4), OpenSSL wants them in DER.
    ECDSA_SIG* pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(bytes(signature), 32, nullptr),
                   BN_bin2bn(bytes(signature) + 32, 32, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair, &der);
    signature.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
  }
  if (!key) return false;
  const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, ed25519 ? nullptr : EVP_sha256(), nullptr,
                              key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(input),
                          input.size()) == 1;
}

}  // namespace

// The claims; throws for whatever is not a context for this module, now, by this Marquee.
json::object verify(const json::object& key_set, std::string_view issuer, std::string_view audience,
                    std::string_view token, std::int64_t now) {
  constexpr std::int64_t tolerance = 5;  // seconds
  const auto first = token.find('.');
  const auto second = token.find('.', first == token.npos ? first : first + 1);
  if (token.size() > 8192 || second == token.npos || token.find('.', second + 1) != token.npos)
    refuse("not a token");
  const json::object header = object_of(decode(token.substr(0, first)));
  const json::value* keys = key_set.if_contains("keys");
  const json::object* jwk = nullptr;
  if (keys && keys->is_array())
    for (const json::value& k : keys->get_array())
      if (k.is_object() && text_of(k.get_object(), "kid") == text_of(header, "kid"))
        jwk = &k.get_object();
  if (!jwk) refuse("no such key");
  // The key says what is done with it; the token may only agree.
  if (text_of(header, "alg") != text_of(*jwk, "alg") || header.contains("crit"))
    refuse("another algorithm");
  if (!signature_is_good(*jwk, token.substr(0, second), decode(token.substr(second + 1))))
    refuse("the signature is not good");
  json::object claims = object_of(decode(token.substr(first + 1, second - first - 1)));
  if (text_of(claims, "iss") != issuer) refuse("another issuer");
  if (text_of(claims, "aud") != audience) refuse("for another module");
  if (number_of(claims, "exp") <= now - tolerance) refuse("expired");
  if (number_of(claims, "iat") > now + tolerance) refuse("from the future");
  if (text_of(claims, "sub").empty() || text_of(claims, "host").empty())
    refuse("not a tenant context");
  return claims;
}

int main(int count, char** words) {
  if (count != 5) {
    std::cerr << "verify JWKS_FILE ISSUER AUDIENCE TOKEN\n";
    return 2;
  }
  try {
    std::ifstream file(words[1]);
    const std::string set((std::istreambuf_iterator<char>(file)), {});
    std::cout << json::serialize(
                     verify(object_of(set), words[2], words[3], words[4], std::time(nullptr)))
              << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "refused: " << error.what() << "\n";
    return 1;
  }
}
