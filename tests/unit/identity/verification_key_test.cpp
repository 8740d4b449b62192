#include "identity/verification_key.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <boost/json.hpp>

#include "identity/strict_json.hpp"
#include "signing.hpp"

using namespace marquee::identity;
using marquee::base::base64url_decode;

namespace {

std::optional<VerificationKey> key_of(const std::string& members, std::string& why) {
  boost::json::object jwk;
  REQUIRE(parse_strict("{" + members + "}", {}, jwk));
  return VerificationKey::from_jwk(jwk, why);
}
std::optional<VerificationKey> key_of(const std::string& members) {
  std::string why;
  return key_of(members, why);
}

bool checks(const VerificationKey& key, std::string_view jws) {
  const std::size_t dot = jws.rfind('.');
  return key.verify(jws.substr(0, dot), base64url_decode(jws.substr(dot + 1)).value());
}

}  // namespace

TEST_CASE("strict JSON: what two parsers could read in two ways is none") {
  boost::json::object out;
  CHECK(parse_strict(R"({"a":1,"b":{"a":2}})", {}, out));
  CHECK(out.size() == 2);
  for (const char* bad :
       {R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})", R"({"b":{"a":1,"a":1}})", R"([1])", R"("x")",
        "", "{", R"({"a":1} {})", R"({"a":1}x)", R"({"a":1,})", "{\"a\":\"\xff\"}", R"({/**/})",
        R"({"a":01})", R"({'a':1})", R"({"a":NaN})"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_strict(bad, {}, out));
  }
  CHECK(out.size() == 2);
  const std::string deep = R"({"a":)" + std::string(9, '[') + std::string(9, ']') + "}";
  CHECK_FALSE(parse_strict(deep, {1024, 8, 256}, out));
  CHECK_FALSE(parse_strict(R"({"a":[1,2,3,4,5,6,7,8,9]})", {1024, 8, 4}, out));
  CHECK_FALSE(parse_strict(R"({"a":"bbbbbbbb"})", {10, 8, 4}, out));
}

TEST_CASE("the examples of RFC 7515 A.1, A.3 and RFC 8037 A.4") {
  const auto secret = VerificationKey::from_secret(
      *base64url_decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAz"
                        "Zr1Z9CAow"),
      "");
  REQUIRE(secret);
  const std::string payload =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0c"
      "nVlfQ";
  CHECK(checks(*secret, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload +
                            ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
  CHECK_FALSE(checks(*secret, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payload +
                                  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXg"));
  const auto ec = key_of(
      R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")");
  REQUIRE(ec);
  CHECK(ec->algorithm() == SignatureAlgorithm::es256);
  CHECK(checks(*ec, "eyJhbGciOiJFUzI1NiJ9." + payload +
                        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqP"
                        "P3-Kg6NU1Q"));
  const auto ed =
      key_of(R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")");
  REQUIRE(ed);
  CHECK(checks(*ed, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr"
                    "_MuM0KAg"));
}

TEST_CASE("each kind of key checks its own signatures, and the errors of OpenSSL do not stay") {
  const std::string input = "header.payload";
  for (const auto& pair :
       {signing::KeyPair::rsa(), signing::KeyPair::ec(), signing::KeyPair::ed25519()}) {
    const auto key = key_of(pair.jwk());
    REQUIRE(key);
    std::string signature = pair.sign(input);
    CHECK(key->verify(input, signature));
    CHECK_FALSE(key->verify("header.payloae", signature));
    CHECK_FALSE(key->verify(input, ""));
    CHECK_FALSE(key->verify(input, std::string(64, '\0')));
    CHECK_FALSE(key->verify(input, signature + "x"));
    signature.back() = static_cast<char>(signature.back() ^ 1);
    CHECK_FALSE(key->verify(input, signature));
    std::string why;
    const auto same = VerificationKey::from_pem(pair.pem(), "k", why);
    REQUIRE(same);
    CHECK(same->verify(input, pair.sign(input)));
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("keys that are refused, with a reason") {
  const auto refused = [](const std::string& members, std::string_view reason) {
    std::string why;
    CAPTURE(members);
    CHECK_FALSE(key_of(members, why));
    CHECK(why.find(reason) != std::string::npos);
    CHECK(ERR_peek_error() == 0);
  };
  const std::string ec = signing::KeyPair::ec().jwk();
  refused(R"("kty":"oct","k":"c2VjcmV0")", "private or secret");
  refused(ec + R"(,"d":"AA")", "private or secret");
  refused(ec + R"(,"use":"enc")", "not for signatures");
  refused(ec + R"(,"key_ops":["sign"])", "not for checking");
  refused(ec + R"(,"key_ops":"verify")", "not for checking");
  refused(ec + R"(,"alg":"HS256")", "alg that is not of its kind");
  refused(ec + R"(,"alg":7)", "alg that is not of its kind");
  refused(signing::KeyPair::rsa().jwk() + R"(,"alg":"PS256")", "alg that is not of its kind");
  refused(signing::KeyPair::rsa(1024).jwk(), "1024 bits");
  refused(R"("kty":"EC","crv":"P-384","x":"AA","y":"AA")", "not understood");
  refused(R"("kty":"EC","crv":"P-256","x":"AA","y":"AA")", "cannot be read");
  refused(R"("kty":"RSA","n":"AQ","e":"AQAB")", "bits");
  refused(R"("kty":"OKP","crv":"Ed25519","x":"AA")", "cannot be read");
  refused("", "not understood");
  // A point beside the curve.
  refused(R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
          R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1")",
          "");
  CHECK_FALSE(VerificationKey::from_secret(std::string(31, 'x'), ""));
  std::string why;
  CHECK_FALSE(VerificationKey::from_pem(signing::KeyPair::ec("P-384").pem(), "", why));
  CHECK_FALSE(VerificationKey::from_pem("no key", "", why));
}

TEST_CASE("a key set: what is not understood is left out; none usable is refused") {
  const std::string ec = signing::KeyPair::ec().jwk();
  const ReadKeySet two = read_key_set(R"({"keys":[{)" + ec + R"(,"kid":"a"},{"kty":"oct","k":"AA"},)" +
                                      "5,{" + signing::KeyPair::ed25519().jwk() + "}]}");
  CHECK(two.why.empty());
  REQUIRE(two.keys.size() == 2);
  CHECK(two.keys[0].id() == "a");
  CHECK(two.left_out == 2);
  CHECK_FALSE(read_key_set("{}").why.empty());
  CHECK_FALSE(read_key_set(R"({"keys":[]})").why.empty());
  CHECK_FALSE(read_key_set(R"({"keys":[{"kty":"oct","k":"AA"}]})").why.empty());
  CHECK_FALSE(read_key_set(R"({"keys":[],"keys":[]})").why.empty());
  std::string many = R"({"keys":[{})";
  for (std::size_t i = 0; i < kMostKeys; ++i) many += ",{}";
  CHECK(read_key_set(many + "]}").why.find("more than") != std::string::npos);
}
