#include "identity/jose/jwk.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <boost/json.hpp>
#include <optional>

#include "base/base64.hpp"

namespace marquee::identity::jose {
namespace {

namespace json = boost::json;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using ParametersPtr = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view{};
}

std::string decoded(const json::object& object, std::string_view name) {
  return base::base64url_decode(text_of(object, name)).value_or(std::string());
}

PkeyPtr made_of(const char* type, OSSL_PARAM_BLD* builder) {
  const ParametersPtr parameters(OSSL_PARAM_BLD_to_param(builder));
  const ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1)
    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get());
  return PkeyPtr(key);
}

PkeyPtr rsa(const json::object& object) {
  const std::string n = decoded(object, "n"), e = decoded(object, "e");
  if (n.empty() || n.size() > 1024 || e.empty() || e.size() > 8) return nullptr;
  const BignumPtr modulus(BN_bin2bn(bytes(n), static_cast<int>(n.size()), nullptr));
  const BignumPtr exponent(BN_bin2bn(bytes(e), static_cast<int>(e.size()), nullptr));
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  // An exponent of 1 would make every signature good.
  if (!modulus || !exponent || !builder || !BN_is_odd(exponent.get()) ||
      BN_is_one(exponent.get()) ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return nullptr;
  return made_of("RSA", builder.get());
}

PkeyPtr p256(const json::object& object) {
  const std::string x = decoded(object, "x"), y = decoded(object, "y");
  if (x.size() != 32 || y.size() != 32) return nullptr;
  const std::string point = "\x04" + x + y;  // uncompressed (SEC 1 section 2.3.3)
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1)
    return nullptr;
  return made_of("EC", builder.get());
}

PkeyPtr ed25519(const json::object& object) {
  const std::string x = decoded(object, "x");
  if (x.size() != 32) return nullptr;
  return PkeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(x), x.size()));
}

KeyPtr read(const json::object& object) {
  const std::string_view use = text_of(object, "use");
  if (!use.empty() && use != "sig") return nullptr;
  const std::string_view kty = text_of(object, "kty"), crv = text_of(object, "crv");
  PkeyPtr pkey;
  if (kty == "RSA")
    pkey = rsa(object);
  else if (kty == "EC" && crv == "P-256")
    pkey = p256(object);
  else if (kty == "OKP" && crv == "Ed25519")
    pkey = ed25519(object);
  ERR_clear_error();
  if (!pkey) return nullptr;
  KeyPtr key = Key::adopt(pkey.get()).key;
  const std::string_view alg = text_of(object, "alg");
  if (key && !alg.empty() && alg != name(key->algorithm())) return nullptr;
  return key;
}

}  // namespace

JwkSet parse_jwk_set(std::string_view text) {
  JwkSet out;
  if (text.size() > kMostJwkSet) {
    out.error = "is longer than 256 KiB";
    return out;
  }
  json::error_code error;
  const json::value document = json::parse(text, error);
  const json::object* object = error ? nullptr : document.if_object();
  const json::value* member = object ? object->if_contains("keys") : nullptr;
  const json::array* keys = member ? member->if_array() : nullptr;
  if (!keys) {
    out.error = "is not a JSON object with an array \"keys\" (RFC 7517 section 5)";
    return out;
  }
  for (const json::value& value : *keys) {
    const json::object* entry = value.if_object();
    const std::string_view kid = entry ? text_of(*entry, "kid") : std::string_view{};
    KeyPtr key = entry && kid.size() <= 256 && out.keys.size() < kMostJwks ? read(*entry) : nullptr;
    if (key)
      out.keys.push_back({std::string(kid), std::move(key)});
    else
      ++out.skipped;
  }
  return out;
}

std::string public_jwk(const Key& key) {
  if (key.public_members().empty()) return {};
  std::string out = key.public_members();
  out.pop_back();  // "}"
  out += R"(,"kid":")" + key.thumbprint() + R"(","alg":")";
  out += name(key.algorithm());
  out += R"(","use":"sig"})";
  return out;
}

std::string jwk_set(std::span<const KeyPtr> keys) {
  std::string out = R"({"keys":[)";
  for (const KeyPtr& key : keys) {
    const std::string entry = public_jwk(*key);
    if (entry.empty()) continue;
    if (out.back() == '}') out += ',';
    out += entry;
  }
  return out + "]}";
}

}  // namespace marquee::identity::jose
