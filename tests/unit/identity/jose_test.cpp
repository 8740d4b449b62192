// Vectors of RFC 7515, 7638 and 8037, and what must not pass.
#include <doctest/doctest.h>

#include <array>

#include "base/base64.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jws.hpp"

using namespace marquee::identity::jose;
using marquee::base::base64url_decode;
using marquee::base::base64url_encode;

namespace {

KeyPtr only_key(std::string_view jwk) {
  const JwkSet set = parse_jwk_set("{\"keys\":[" + std::string(jwk) + "]}");
  return set.keys.size() == 1 ? set.keys[0].key : nullptr;
}

bool verifies(std::string_view token, const Key& key) {
  const auto parts = split_compact(token);
  if (!parts) return false;
  const auto header = parse_header(parts->header);
  return header && verify_compact(*parts, *header, key);
}

std::string token_of(const Key& key, std::string_view payload) {
  return sign_compact(key, encode_header(key, key.thumbprint()), payload).value_or("");
}

// RFC 8037 appendix A.
constexpr const char* kEd25519 =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr const char* kEdToken =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
    "MuM0KAg";
// RFC 7515 appendix A.3.
constexpr const char* kP256 =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kEsToken =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 7515 appendix A.1.
constexpr const char* kHsSecret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr const char* kHsToken =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
// RFC 7638 section 3.1.
constexpr const char* kRsa =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7a)"
    R"(PFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy)"
    R"(Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd)"
    R"(kt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",)"
    R"("e":"AQAB","alg":"RS256","kid":"2011-04-29"})";

}  // namespace

TEST_CASE("thumbprints of the RFCs") {
  CHECK(only_key(kRsa)->thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  CHECK(only_key(kEd25519)->thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST_CASE("tokens of the RFCs verify, and nothing that was altered") {
  const KeyPtr ed = only_key(kEd25519), es = only_key(kP256);
  const KeyPtr hs = Key::from_secret(*base64url_decode(kHsSecret)).key;
  REQUIRE(ed);
  REQUIRE(es);
  REQUIRE(hs);
  const std::array<std::pair<const char*, KeyPtr>, 3> good{
      {{kEdToken, ed}, {kEsToken, es}, {kHsToken, hs}}};
  for (const auto& [token, key] : good) {
    CHECK(verifies(token, *key));
    std::string text = token;
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string other = text;
      other[i] = other[i] == 'A' ? 'B' : 'A';
      CAPTURE(i);
      CHECK_FALSE(verifies(other, *key));
    }
    for (const auto& [foreign, unused] : good)
      if (foreign != token) CHECK_FALSE(verifies(foreign, *key));
    CHECK_FALSE(verifies(text + "A", *key));
    CHECK_FALSE(verifies(text + "=", *key));
    CHECK_FALSE(verifies(text + ".", *key));
    CHECK_FALSE(verifies(text.substr(0, text.rfind('.') + 1), *key));
  }
}

TEST_CASE("made keys sign, and only they verify") {
  for (const Algorithm a : {Algorithm::eddsa, Algorithm::es256}) {
    const KeyPtr key = Key::generate(a).key, other = Key::generate(a).key;
    REQUIRE(key);
    CHECK(key->algorithm() == a);
    CHECK(key->can_sign());
    CHECK(key->thumbprint().size() == 43);
    const std::string token = token_of(*key, R"({"a":1})");
    CHECK(verifies(token, *key));
    CHECK_FALSE(verifies(token, *other));
    const KeyPtr again = Key::from_pem(key->private_text()).key;
    REQUIRE(again);
    CHECK(again->thumbprint() == key->thumbprint());
    CHECK(verifies(token_of(*again, "{}"), *key));
    const KeyPtr published = only_key(public_jwk(*key));
    REQUIRE(published);
    CHECK(published->thumbprint() == key->thumbprint());
    CHECK_FALSE(published->can_sign());
    CHECK_FALSE(published->sign("x"));
    CHECK(verifies(token, *published));
  }
  CHECK_FALSE(Key::generate(Algorithm::rs256).key);
}

TEST_CASE("a header chooses no algorithm") {
  const KeyPtr key = Key::generate(Algorithm::eddsa).key;
  const std::string payload = base64url_encode(R"({"a":1})");
  const auto with_header = [&](std::string_view header, std::string_view signature) {
    return base64url_encode(header) + "." + payload + "." + base64url_encode(signature);
  };
  CHECK_FALSE(verifies(with_header(R"({"alg":"none"})", ""), *key));
  CHECK_FALSE(verifies(with_header(R"({"alg":"None"})", "x"), *key));
  CHECK_FALSE(verifies(with_header("{}", "x"), *key));
  // The public key as the secret of an HMAC ("algorithm confusion", 2015).
  const std::string input = base64url_encode(R"({"alg":"HS256"})") + "." + payload;
  const KeyPtr confused = Key::from_secret(key->public_members()).key;
  REQUIRE(confused);
  const std::string token = input + "." + base64url_encode(*confused->sign(input));
  CHECK(verifies(token, *confused));
  CHECK_FALSE(verifies(token, *key));
  CHECK_FALSE(parse_header(base64url_encode(R"({"alg":"EdDSA","crit":["b64"]})")));
  CHECK_FALSE(parse_header(base64url_encode(R"({"alg":"EdDSA","kid":7})")));
  CHECK_FALSE(parse_header(base64url_encode("[]")));
}

TEST_CASE("keys that are refused") {
  CHECK_FALSE(Key::from_secret("0123456789012345678901234567890").key);
  CHECK_FALSE(Key::from_pem("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n").key);
  // secp384r1
  CHECK(Key::from_pem("-----BEGIN PUBLIC KEY-----\n"
                      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEqofKIr6LBTeOscce8yCtdG4dO2KLp5uY\n"
                      "WfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3NhfeSpYmLG9dnpi/kpLcKfj0Hb0omhR8\n"
                      "6doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f\n-----END PUBLIC KEY-----\n")
            .error.find("P-256") != std::string::npos);
  // Not on the curve, another use, another algorithm, a secret.
  const JwkSet set = parse_jwk_set(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ES256"},)"
      R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}, 7, {}]})");
  CHECK(set.error.empty());
  CHECK(set.keys.empty());
  CHECK(set.skipped == 6);
  CHECK_FALSE(parse_jwk_set("[]").error.empty());
  CHECK_FALSE(parse_jwk_set("{\"keys\":{}}").error.empty());
}

TEST_CASE("a secret is never published") {
  const KeyPtr secret = Key::from_secret("0123456789abcdef0123456789abcdef").key;
  const KeyPtr made = Key::generate(Algorithm::es256).key;
  CHECK(public_jwk(*secret).empty());
  const std::array<KeyPtr, 3> keys{secret, made, secret};
  const std::string text = jwk_set(keys);
  CHECK(text.find("oct") == std::string::npos);
  CHECK(parse_jwk_set(text).keys.size() == 1);
  CHECK(parse_jwk_set(text).keys[0].kid == made->thumbprint());
}
