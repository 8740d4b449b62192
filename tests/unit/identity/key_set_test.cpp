#include "identity/key_set.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <boost/json.hpp>

#include "identity/strict_json.hpp"
#include "signing.hpp"

using namespace marquee::identity;

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

TEST_CASE("each kind of key checks its own signatures, and the errors of OpenSSL do not stay") {
  const std::string input = "header.payload";
  for (const auto& pair :
       {signing::KeyPair::rsa(), signing::KeyPair::ec(), signing::KeyPair::ed25519()}) {
    const ReadKeySet set = read_key_set(R"({"keys":[{)" + pair.jwk() + "}]}");
    REQUIRE(set.keys.size() == 1);
    const auto& key = *set.keys.front().key;
    std::string signature = pair.sign(input);
    CHECK(key.verify(input, signature));
    CHECK_FALSE(key.verify("header.payloae", signature));
    CHECK_FALSE(key.verify(input, ""));
    CHECK_FALSE(key.verify(input, std::string(64, '\0')));
    CHECK_FALSE(key.verify(input, signature + "x"));
    signature.back() = static_cast<char>(signature.back() ^ 1);
    CHECK_FALSE(key.verify(input, signature));
    const ReadKeySet file = read_key_file(pair.pem());
    REQUIRE(file.keys.size() == 1);
    CHECK(file.keys.front().key->verify(input, pair.sign(input)));
    CHECK(ERR_peek_error() == 0);
  }
  CHECK(read_key_file(jose::Key::generate(jose::Algorithm::es256).key->private_text())
            .why.find("private key") != std::string::npos);
}

TEST_CASE("a key set: what is not understood is left out; none usable is refused") {
  const std::string ec = signing::KeyPair::ec().jwk();
  const ReadKeySet two =
      read_key_set(R"({"keys":[{)" + ec + R"(,"kid":"a"},{"kty":"oct","k":"AA"},)" + "5,{" +
                   signing::KeyPair::ed25519().jwk() + "}]}");
  CHECK(two.why.empty());
  REQUIRE(two.keys.size() == 2);
  CHECK(two.keys[0].kid == "a");
  CHECK(two.left_out == 2);
  for (const std::string& bad :
       {std::string("{}"), std::string(R"({"keys":[]})"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[{"kty":"oct","k":"AA"}]})"),
        R"({"keys":[{)" + ec + R"(}],"keys":[]})", R"({"keys":[{)" + ec + R"(,"use":"enc"}]})",
        R"({"keys":[{)" + ec + R"(,"alg":"HS256"}]})",
        R"({"keys":[{)" + signing::KeyPair::rsa(1024).jwk() + "}]}", std::string("no key"),
        std::string("-----BEGIN nothing")}) {
    CAPTURE(bad);
    CHECK_FALSE(read_key_file(bad).why.empty());
  }
}
