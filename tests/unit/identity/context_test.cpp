// The signed tenant context: what it says, how long it is good, who signs it.
#include <doctest/doctest.h>

#include <array>
#include <boost/json.hpp>
#include <map>

#include "base/base64.hpp"
#include "identity/context_token.hpp"
#include "identity/jose/jwk.hpp"
#include "identity/jose/jws.hpp"

using namespace marquee::identity;
namespace json = boost::json;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;

ContextSubject subject() { return {"mod", "inst", "ag", "cl", "site", "shop.example"}; }

json::object claims_of(const std::string& token) {
  const auto parts = jose::split_compact(token);
  REQUIRE(parts);
  return json::parse(*marquee::base::base64url_decode(parts->payload)).as_object();
}

Caller caller(std::int64_t end) {
  Caller c;
  c.user = "u\"1";  // an id from elsewhere: any text
  c.role = "admin";
  c.agency = "ag2";
  c.site = "site2";
  c.api_key = "k1";
  c.expires_at = std::chrono::sys_seconds(std::chrono::seconds(end));
  return c;
}

KeyRing ring_of(std::vector<SigningKey> keys) { return KeyRing(std::move(keys), 300); }

}  // namespace

TEST_CASE("context: the claims of design 9, and nothing else") {
  const auto times = context_times(kNow, 60, nullptr);
  REQUIRE(times);
  const auto key = jose::Key::generate(jose::Algorithm::eddsa).key;
  const auto token =
      mint_context(KeyRing::signing_key(key, 1, 0), "marquee", subject(), nullptr, *times);
  REQUIRE(token);
  CHECK(claims_of(*token) == json::parse(R"({"iss":"marquee","aud":"mod","sub":"inst",
    "agency":"ag","client":"cl","site":"site","host":"shop.example","iat":1700000000,
    "exp":1700000060})")
                                 .as_object());
  const auto header = jose::parse_header(jose::split_compact(*token)->header);
  REQUIRE(header);
  CHECK(header->kid == key->thumbprint());
  CHECK(header->typ == "JWT");
  CHECK(jose::verify_compact(*jose::split_compact(*token), *header, *key));
}

TEST_CASE("context: a caller is inside, and fills only what the domain leaves open") {
  const Caller c = caller(kNow + 1000);
  const auto times = context_times(kNow, 60, &c);
  auto claims = json::parse(context_claims("i", subject(), &c, *times)).as_object();
  CHECK(claims["user"] == "u\"1");
  CHECK(claims["role"] == "admin");
  CHECK(claims["api_key"] == "k1");
  CHECK_FALSE(claims.contains("consumer"));
  CHECK(claims["agency"] == "ag");
  CHECK(claims["site"] == "site");
  ContextSubject app;
  app.host = "app.example";
  claims = json::parse(context_claims("i", app, &c, *times)).as_object();
  CHECK(claims["agency"] == "ag2");
  CHECK(claims["site"] == "site2");
  CHECK_FALSE(claims.contains("aud"));
  CHECK_FALSE(claims.contains("sub"));
  CHECK(app.empty());
  CHECK_FALSE(subject().empty());
  Caller client = caller(kNow + 1000);
  client.api_key.clear();
  client.consumer = "c1";
  claims = json::parse(context_claims("i", subject(), &client, *times)).as_object();
  CHECK(claims["consumer"] == "c1");
  CHECK_FALSE(claims.contains("api_key"));
}

TEST_CASE("context: times") {
  const auto plain = context_times(kNow, 60, nullptr);
  CHECK(plain->expires_at == kNow + 60);
  CHECK(plain->renew_at == kNow + 30);
  CHECK(context_times(kNow, 9999, nullptr)->expires_at == kNow + kLongestToken);
  const Caller late = caller(kNow + 61), soon = caller(kNow + 60), gone = caller(kNow);
  CHECK(context_times(kNow, 60, &late)->renew_at == kNow + 30);
  // Ends with the credential, and is not made anew until then.
  CHECK(context_times(kNow + 1, 60, &late)->expires_at == kNow + 61);
  CHECK(context_times(kNow + 40, 60, &late)->renew_at == kNow + 61);
  CHECK(context_times(kNow, 60, &soon)->expires_at == kNow + 60);
  CHECK_FALSE(context_times(kNow, 60, &gone));
}

TEST_CASE("rotation: no token is ever unverifiable, on any node, whenever sets are fetched") {
  // Two nodes that look at the store every `lag`, and a verifier that keeps the set as
  // long as it may; every second each node signs, and the verifier must know the key.
  for (const std::int64_t rotation : {8, 40, 400, 20'000}) {
    RotationRules rules{rotation, overlap_of(rotation), 60};
    if (rotation < 100) rules.lifetime = 5;
    const std::int64_t lag = std::max<std::int64_t>(1, rules.overlap / 4);
    std::vector<KeyTimes> store;
    struct Node {
      std::vector<KeyTimes> seen;
      std::int64_t next = 0;
    };
    std::array<Node, 2> nodes;
    std::vector<KeyTimes> verifier;
    std::int64_t fetched = -1'000'000;
    std::map<std::uint64_t, std::int64_t> last_signed;
    std::size_t most = 0;
    std::uint64_t generation = 0;
    for (std::int64_t now = 0; now < rotation * 5; ++now) {
      for (std::size_t n = 0; n < nodes.size(); ++n) {
        Node& node = nodes[n];
        if (now < node.next) continue;
        node.next = now + lag + static_cast<std::int64_t>(n) % 2;
        const RotationPlan plan = plan_rotation(store, now, rules);
        for (const std::uint64_t gone : plan.gone) {
          // Nobody may still hold a token of it.
          if (last_signed.contains(gone)) CHECK(last_signed[gone] + rules.lifetime <= now);
          std::erase_if(store, [gone](const KeyTimes& k) { return k.generation == gone; });
        }
        if (plan.next_signs_from) store.push_back({++generation, *plan.next_signs_from, true});
        node.seen = store;
        most = std::max(most, store.size());
      }
      if (now - fetched >= max_age_of(rules)) {
        verifier = nodes[static_cast<std::size_t>(now) % 2].seen;
        fetched = now;
      }
      for (const Node& node : nodes) {
        const auto at = signer_of(node.seen, now);
        REQUIRE(at);
        const std::uint64_t kid = node.seen[*at].generation;
        last_signed[kid] = now;
        CAPTURE(now);
        CAPTURE(rotation);
        CHECK(std::any_of(verifier.begin(), verifier.end(),
                          [kid](const KeyTimes& k) { return k.generation == kid; }));
      }
    }
    CHECK(generation >= 4);
    CHECK(generation <= 7);
    CHECK(most <= 4);
  }
}

TEST_CASE("rotation: another algorithm is asked for") {
  const RotationRules rules{1000, 100, 60};
  std::vector<KeyTimes> keys{{1, 0, false}};
  RotationPlan plan = plan_rotation(keys, 10, rules);
  CHECK(plan.next_signs_from == 110);  // published first
  keys.push_back({2, 110, true});
  CHECK_FALSE(plan_rotation(keys, 20, rules).next_signs_from);
  CHECK(keys[*signer_of(keys, 109)].generation == 1);
  CHECK(keys[*signer_of(keys, 110)].generation == 2);
  CHECK(plan_rotation(keys, 269, rules).gone.empty());
  CHECK(plan_rotation(keys, 270, rules).gone == std::vector<std::uint64_t>{1});
}

TEST_CASE("rotation: a clock that is behind, and keys that were never renewed") {
  const std::vector<KeyTimes> future{{2, 500, true}, {1, 400, true}};
  CHECK(future[*signer_of(future, 10)].generation == 1);
  CHECK_FALSE(signer_of({}, 10));
  CHECK(plan_rotation({}, 7, {}).next_signs_from == 7);
  // The process was down for a year: the old one signs until the new one is known.
  const std::vector<KeyTimes> old{{1, 0, true}};
  const RotationRules rules{1000, 100, 60};
  CHECK(plan_rotation(old, 90'000, rules).next_signs_from == 90'100);
}

TEST_CASE("key ring: publishes what signs, and nothing secret") {
  const auto a = jose::Key::generate(jose::Algorithm::eddsa).key;
  const auto b = jose::Key::generate(jose::Algorithm::es256).key;
  const KeyRing ring = ring_of({KeyRing::signing_key(a, 1, 0), KeyRing::signing_key(b, 2, 100)});
  CHECK(ring.signer(99)->key == a);
  CHECK(ring.signer(100)->key == b);
  CHECK(jose::parse_jwk_set(ring.document()).keys.size() == 2);
  CHECK(ring.cache_control() == "public, max-age=300");
  CHECK(ring.document().find("\"d\"") == std::string::npos);
  const KeyRing none;
  CHECK_FALSE(none.signer(1));
  CHECK(none.cache_control() == "no-store");
  const auto secret = jose::Key::from_secret(std::string(32, 's')).key;
  CHECK(ring_of({KeyRing::signing_key(secret, 1, 0)}).document() == R"({"keys":[]})");
  CHECK_FALSE(same_keys(ring, none));
  CHECK(same_keys(ring, ring));
}
