#include "identity/token.hpp"

#include <doctest/doctest.h>

#include "identity/jose/jws.hpp"
#include "signing.hpp"

using namespace marquee::identity;

namespace {

const std::string kSecret = "0123456789abcdef0123456789abcdef";
constexpr std::int64_t kNow = 1'800'000'000;

jose::Jwk public_key(const signing::KeyPair& pair, const std::string& kid = "") {
  const std::string id = kid.empty() ? "" : R"(,"kid":")" + kid + '"';
  ReadKeySet set = read_key_set(R"({"keys":[{)" + pair.jwk() + id + "}]}");
  REQUIRE(set.keys.size() == 1);
  return set.keys.front();
}

TokenIssuer issuer_of(KeySet keys) {
  TokenIssuer out;
  out.name = "test";
  out.keys = std::make_shared<const KeySet>(std::move(keys));
  return out;
}

TokenIssuer platform() { return issuer_of({{"", jose::Key::from_secret(kSecret).key}}); }

TokenVerdict verify(const std::string& token, const TokenIssuer& issuer, std::int64_t now = kNow) {
  return verify_token(token, {&issuer, 1}, now);
}

// A platform access token (contract 2.7) with something put in.
std::string claims(const std::string& more = "") {
  return R"({"sub":"u-1","scope":"read write","client_id":"dram_1","site_id":"s-1",)"
         R"("module_id":"m-1","type":"access","iat":1799999000,"exp":1800002600)" +
         more + "}";
}
std::string minimal(const std::string& more) { return R"({"sub":"u-1")" + more + "}"; }

void refused(const std::string& token, TokenFault fault, const TokenIssuer& issuer = platform()) {
  CAPTURE(token);
  const TokenVerdict v = verify(token, issuer);
  CHECK(name(v.fault) == name(fault));
  CHECK(v.token.user.empty() == (fault != TokenFault::none));
}

}  // namespace

TEST_CASE("the platform's access token") {
  const TokenVerdict v = verify(signing::hs256(kSecret, claims(R"(,"role":"admin")")), platform());
  CHECK(v.fault == TokenFault::none);
  CHECK(v.token.user == "u-1");
  CHECK(v.token.role == "admin");
  CHECK(v.token.agency.empty());
  CHECK(v.token.site == "s-1");
  CHECK(v.token.module == "m-1");
  CHECK(v.token.oauth_client == "dram_1");
  CHECK(v.token.scopes == std::vector<std::string>{"read", "write"});
  CHECK(v.token.scoped);
  CHECK(v.token.expires == 1800002600);
  CHECK(v.token.issuer == "test");
  CHECK(v.issuer == 0);
}

TEST_CASE("claims inside others, and by other names") {
  TokenIssuer issuer = platform();
  issuer.claims.role = "app_metadata.role";
  issuer.claims.agency = "https://x.example/agency";
  const TokenVerdict v =
      verify(signing::hs256(kSecret, claims(R"(,"app_metadata":{"role":"owner"},)"
                                            R"("https://x.example/agency":"a-1","role":"none")")),
             issuer);
  CHECK(v.fault == TokenFault::none);
  CHECK(v.token.role == "owner");
  CHECK(v.token.agency == "a-1");
}

TEST_CASE("each asymmetric algorithm, with and without a kid") {
  for (const auto& [alg, pair] :
       {std::pair<std::string, signing::KeyPair>{"RS256", signing::KeyPair::rsa()},
        {"ES256", signing::KeyPair::ec()},
        {"EdDSA", signing::KeyPair::ed25519()}}) {
    CAPTURE(alg);
    const TokenIssuer issuer = issuer_of({public_key(pair, "k1")});
    refused(pair.token(R"({"alg":")" + alg + R"(","kid":"k1"})", claims()), TokenFault::none,
            issuer);
    refused(pair.token(R"({"alg":")" + alg + R"("})", claims()), TokenFault::none, issuer);
    refused(pair.token(R"({"alg":")" + alg + R"(","kid":"k2"})", claims()), TokenFault::unknown_key,
            issuer);
    refused(pair.token(R"({"alg":"HS256","kid":"k1"})", claims()), TokenFault::unknown_key, issuer);
  }
}

TEST_CASE("no confusion of algorithms: the public key is no secret, and none is nothing") {
  const signing::KeyPair pair = signing::KeyPair::rsa();
  const TokenIssuer issuer = issuer_of({public_key(pair, "k1")});
  for (const std::string& secret : {pair.pem(), pair.number("n"), pair.jwk()}) {
    refused(signing::hs256(secret, R"({"alg":"HS256","kid":"k1"})", claims()),
            TokenFault::unknown_key, issuer);
    refused(signing::hs256(secret, claims()), TokenFault::algorithm, issuer);
  }
  for (const char* none :
       {"none", "None", "NONE", "nOnE", "", "HS384", "HS512", "hs256", "RS512"}) {
    const std::string header = R"({"alg":")" + std::string(none) + "\"}";
    refused(signing::b64(header) + "." + signing::b64(claims()) + ".", TokenFault::algorithm);
    refused(signing::hs256(kSecret, header, claims()), TokenFault::algorithm);
  }
  refused(signing::hs256(kSecret, R"({"typ":"JWT"})", claims()), TokenFault::algorithm);
  refused(signing::hs256(kSecret, R"({"alg":["HS256"]})", claims()), TokenFault::algorithm);
  // The key that the header brings along is not used.
  const signing::KeyPair theirs = signing::KeyPair::rsa();
  refused(theirs.token(R"({"alg":"RS256","jwk":{)" + theirs.jwk() + "}}", claims()),
          TokenFault::signature, issuer);
  refused(theirs.token(R"({"alg":"RS256","jku":"https://evil.example/keys"})", claims()),
          TokenFault::signature, issuer);
}

TEST_CASE("a header that must be understood is refused") {
  const auto with = [](const std::string& more) {
    return signing::hs256(kSecret, R"({"alg":"HS256")" + more + "}", claims());
  };
  refused(with(R"(,"crit":["exp"])"), TokenFault::header);
  refused(with(R"(,"crit":[])"), TokenFault::header);
  refused(with(R"(,"b64":false,"crit":["b64"])"), TokenFault::header);
  refused(with(R"(,"zip":"DEF")"), TokenFault::header);
  refused(with(R"(,"typ":"logout+jwt")"), TokenFault::header);
  refused(with(R"(,"typ":7)"), TokenFault::header);
  refused(with(R"(,"typ":"")"), TokenFault::header);
  refused(with(R"(,"kid":7)"), TokenFault::header);
  refused(with(R"(,"typ":"at+jwt")"), TokenFault::none);
  refused(with(R"(,"typ":"application/JWT")"), TokenFault::none);
  refused(with(R"(,"typ":"jwt")"), TokenFault::none);
  refused(with(R"(,"alg":"HS256")"), TokenFault::malformed);  // twice
}

TEST_CASE("what is no token") {
  const std::string good = signing::hs256(kSecret, claims());
  CHECK(verify(good, platform()).fault == TokenFault::none);
  const std::size_t first = good.find('.');
  const std::size_t last = good.rfind('.');
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("..."), good + ".",
        good.substr(0, last), good.substr(first), good.substr(0, last) + ".", good + "=",
        good + " ", " " + good, good.substr(0, last + 1) + "!!!", "Bearer " + good,
        signing::hs256(kSecret, R"([1])", claims()), signing::hs256(kSecret, "[]"),
        signing::hs256(kSecret, R"({"sub":"u","sub":"v","exp":1800002600})"),
        signing::hs256(kSecret, "{\"sub\":\"\xff\",\"exp\":1800002600}")}) {
    CAPTURE(bad);
    const TokenFault fault = verify(bad, platform()).fault;
    CHECK((fault == TokenFault::malformed || fault == TokenFault::signature));
  }
  refused(good.substr(0, last + 1) + signing::b64(std::string(32, 'x')), TokenFault::signature);
  refused(std::string(jose::kMostToken + 1, 'x'), TokenFault::too_large);
  refused(signing::hs256("another secret of thirty-two byte", claims()), TokenFault::signature);
  // One character of base64url that means the same bytes would be a second token.
  std::string twin = good;
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  twin.back() = alphabet[alphabet.find(twin.back()) ^ 1];
  refused(twin, TokenFault::malformed);
}

TEST_CASE("times, to the second") {
  const auto at = [](const std::string& times, std::int64_t now = kNow) {
    return verify(signing::hs256(kSecret, minimal(times)), platform(), now).fault;
  };
  CHECK(at(R"(,"exp":1800000000)") == TokenFault::none);  // within the leeway of 30 s
  CHECK(at(R"(,"exp":1800000000)", kNow + 29) == TokenFault::none);
  CHECK(at(R"(,"exp":1800000000)", kNow + 30) == TokenFault::expired);
  CHECK(at(R"(,"exp":1800000000.9)", kNow + 30) == TokenFault::expired);
  CHECK(at("") == TokenFault::claims);  // RFC 8725: a token without an end is none
  CHECK(at(R"(,"exp":"1800000000")") == TokenFault::claims);
  CHECK(at(R"(,"exp":-1)") == TokenFault::claims);
  CHECK(at(R"(,"exp":1e300)") == TokenFault::claims);
  CHECK(at(R"(,"exp":18446744073709551615)") == TokenFault::claims);
  CHECK(at(R"(,"exp":null)") == TokenFault::claims);
  CHECK(at(R"(,"exp":1800003600,"nbf":1800000030)") == TokenFault::none);
  CHECK(at(R"(,"exp":1800003600,"nbf":1800000031)") == TokenFault::not_yet_valid);
  CHECK(at(R"(,"exp":1800003600,"nbf":"x")") == TokenFault::claims);
  CHECK(at(R"(,"exp":1800003600,"iat":1800000031)") == TokenFault::not_yet_valid);
  CHECK(at(R"(,"exp":1800003600,"iat":{})") == TokenFault::claims);
  TokenIssuer strict = platform();
  strict.longest = 3600;
  refused(signing::hs256(kSecret, minimal(R"(,"iat":1800000000,"exp":1800003600)")),
          TokenFault::none, strict);
  refused(signing::hs256(kSecret, minimal(R"(,"iat":1800000000,"exp":1800003601)")),
          TokenFault::too_old, strict);
  refused(signing::hs256(kSecret, minimal(R"(,"exp":1800003601)")), TokenFault::claims, strict);
}

TEST_CASE("issuer and audience") {
  TokenIssuer issuer = platform();
  issuer.issuer = "https://id.example";
  issuer.audience = {"marquee", "edge"};
  const auto with = [](const std::string& more) {
    return signing::hs256(kSecret, minimal(R"(,"exp":1800003600)" + more));
  };
  const std::string iss = R"(,"iss":"https://id.example")";
  refused(with(iss + R"(,"aud":"edge")"), TokenFault::none, issuer);
  refused(with(iss + R"(,"aud":["other","marquee"])"), TokenFault::none, issuer);
  refused(with(iss + R"(,"aud":"edges")"), TokenFault::audience, issuer);
  refused(with(iss + R"(,"aud":[])"), TokenFault::audience, issuer);
  refused(with(iss + R"(,"aud":7)"), TokenFault::audience, issuer);
  refused(with(iss), TokenFault::audience, issuer);
  refused(with(R"(,"aud":"edge")"), TokenFault::issuer, issuer);
  refused(with(R"(,"iss":"https://id.example/","aud":"edge")"), TokenFault::issuer, issuer);
  refused(with(R"(,"iss":["https://id.example"],"aud":"edge")"), TokenFault::issuer, issuer);
  // RFC 7519 4.1.3: for somebody, and we have no name.
  refused(with(R"(,"aud":"anybody")"), TokenFault::audience);
  refused(with(R"(,"iss":"anybody")"), TokenFault::none);
}

TEST_CASE("claims are bounded words") {
  const auto with = [](const std::string& more) {
    return signing::hs256(kSecret, minimal(R"(,"exp":1800003600)" + more));
  };
  refused(signing::hs256(kSecret, R"({"exp":1800003600})"), TokenFault::claims);
  refused(signing::hs256(kSecret, R"({"sub":7,"exp":1800003600})"), TokenFault::claims);
  refused(signing::hs256(kSecret, R"({"sub":"","exp":1800003600})"), TokenFault::claims);
  refused(signing::hs256(kSecret, R"({"sub":"a b","exp":1800003600})"), TokenFault::claims);
  refused(with(R"(,"role":"a\r\nx-tenant-role: owner")"), TokenFault::claims);
  refused(with(R"(,"role":"caf\u00e9")"), TokenFault::claims);
  refused(with(R"(,"role":")" + std::string(129, 'a') + '"'), TokenFault::claims);
  refused(with(R"(,"role":["admin"])"), TokenFault::claims);
  refused(with(R"(,"site_id":7)"), TokenFault::claims);
  refused(with(R"(,"role":null)"), TokenFault::none);
  refused(with(R"(,"scope":["read","write"])"), TokenFault::none);
  refused(with(R"(,"scope":7)"), TokenFault::claims);
  std::string scopes = "s";
  for (std::size_t i = 0; i < kMostScopes; ++i) scopes += " s";
  refused(with(R"(,"scope":")" + scopes + '"'), TokenFault::claims);
  refused(with(R"(,"type":"refresh")"), TokenFault::use);
  refused(with(R"(,"type":7)"), TokenFault::use);
  CHECK(verify(with(R"(,"scope":"")"), platform()).token.scoped);
  CHECK_FALSE(verify(with(""), platform()).token.scoped);
}

TEST_CASE("several issuers: a key of one does not sign for another") {
  const signing::KeyPair a = signing::KeyPair::ec();
  const signing::KeyPair b = signing::KeyPair::ec();
  TokenIssuer issuers[2] = {issuer_of({public_key(a, "k")}), issuer_of({public_key(b, "k")})};
  issuers[0].issuer = "https://a.example";
  issuers[1].issuer = "https://b.example";
  const auto by = [&](const signing::KeyPair& key, const std::string& iss) {
    return verify_token(key.token(R"({"alg":"ES256","kid":"k"})",
                                  minimal(R"(,"exp":1800003600,"iss":")" + iss + '"')),
                        issuers, kNow);
  };
  CHECK(by(a, "https://a.example").fault == TokenFault::none);
  CHECK(by(b, "https://b.example").issuer == 1);
  CHECK(by(b, "https://a.example").fault == TokenFault::signature);
  CHECK(by(a, "https://c.example").fault == TokenFault::issuer);
  CHECK(verify_token(signing::hs256(kSecret, claims()), {}, kNow).fault == TokenFault::issuer);
}
