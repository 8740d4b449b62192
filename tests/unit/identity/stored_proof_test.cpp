#include "identity/stored_proof.hpp"

#include <doctest/doctest.h>

#include "base/base64.hpp"

using namespace marquee;
using namespace marquee::identity;
using routing::HostClass;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kKey = "dmc_live_" + std::string(64, '0');
const std::string kSecret = "an embed secret of more than 32 bytes";

Digest digest(std::string_view text) { return Sha256().of(text); }
std::chrono::sys_seconds at(std::int64_t s) {
  return std::chrono::sys_seconds(std::chrono::seconds(s));
}

KeyAnswer<ApiKeyRecord> row() {
  KeyAnswer<ApiKeyRecord> out;
  out.status = KeyFound::found;
  out.record.id = "key-1";
  out.record.hash = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2";
  out.record.module = "m-1";
  out.record.site = "s-1";
  out.record.agency = "a-1";
  out.record.scopes = {"read:contacts"};
  out.record.active = true;
  return out;
}

AccessRule any_rule() {
  AccessRule rule;
  rule.accept = {config::Credential::api_key};
  return rule;
}

std::string legacy(const std::string& json) { return base::base64url_encode(json); }

}  // namespace

TEST_CASE("the platform's vector: hash of a key") {
  CHECK(lower_hex(digest(kKey)) == row().record.hash);
  CHECK(digest_of_hex(row().record.hash) == digest(kKey));
  CHECK_FALSE(digest_of_hex("dd8b"));
  CHECK_FALSE(digest_of_hex(std::string(64, 'g')));
  CHECK(may_be_api_key(kKey));
  CHECK_FALSE(may_be_api_key("short"));
  CHECK_FALSE(may_be_api_key(std::string(257, 'x')));
  CHECK_FALSE(may_be_api_key("dmc_live_ with a space"));
  CHECK(is_platform_key(kKey));
  CHECK_FALSE(is_platform_key("eyJhbGciOiJIUzI1NiJ9.e30.x"));
}

TEST_CASE("every column of a key is looked at") {
  const auto result = [](const KeyAnswer<ApiKeyRecord>& answer) {
    return proof_of(answer, digest(kKey), kNow).result;
  };
  auto answer = row();
  const Proof good = proof_of(answer, digest(kKey), kNow);
  CHECK(good.result == AccessResult::granted);
  CHECK(good.caller.api_key == "key-1");
  CHECK(good.caller.auth == AuthType::api_key);
  CHECK(good.caller.user.empty());
  CHECK(good.caller.limit_per_minute == 0);
  answer.record.per_minute = 60;
  answer.record.per_day = 1000;
  CHECK(proof_of(answer, digest(kKey), kNow).caller.limit_per_minute == 60);
  CHECK(proof_of(answer, digest(kKey), kNow).caller.limit_per_day == 1000);
  answer.record.active = false;
  CHECK(result(answer) == AccessResult::invalid);
  answer = row();
  answer.record.revoked = true;
  CHECK(result(answer) == AccessResult::invalid);
  answer = row();
  answer.record.broken = true;
  CHECK(result(answer) == AccessResult::invalid);
  answer = row();
  answer.record.expires_at = at(kNow);
  CHECK(result(answer) == AccessResult::expired);
  answer.record.expires_at = at(kNow + 1);
  CHECK(result(answer) == AccessResult::granted);
  CHECK(proof_of(answer, digest(kKey), kNow).caller.expires_at == at(kNow + 1));
  answer = row();
  answer.record.hash.back() = '3';
  CHECK(result(answer) == AccessResult::invalid);
  answer = row();
  answer.record.module.clear();
  CHECK(result(answer) == AccessResult::invalid);
  answer = row();
  answer.record.site.clear();
  CHECK(result(answer) == AccessResult::invalid);
  answer.status = KeyFound::absent;
  CHECK(result(answer) == AccessResult::invalid);
  answer.status = KeyFound::unavailable;
  CHECK(result(answer) == AccessResult::unavailable);
}

TEST_CASE("a key is of one site and module, and from some places only") {
  auto answer = row();
  answer.record.addresses = {*base::Cidr::parse("10.0.0.0/8"), *base::Cidr::parse("2001:db8::/32")};
  answer.record.origins = {"https://app.example", "*.shop.example", "plain.example"};
  const Proof proof = proof_of(answer, digest(kKey), kNow);
  const AccessRule rule = any_rule();
  const base::IpAddress inside = *base::IpAddress::parse("10.1.2.3");
  const base::IpAddress outside = *base::IpAddress::parse("100.0.0.1");  // begins as text like 10
  TenantOfRequest request{"a-1", "s-1", "m-1", HostClass::custom, &inside, "https://app.example",
                          "",    ""};
  CHECK(judge(proof, rule, request) == AccessResult::granted);
  for (const char* origin :
       {"https://APP.example", "https://a.b.shop.example", "http://shop.example",
        "https://plain.example:8443", "https://plain.example/page?x"}) {
    request.origin = origin;
    CAPTURE(origin);
    CHECK(judge(proof, rule, request) == AccessResult::granted);
  }
  for (const char* origin :
       {"", "null", "http://app.example", "https://app.example:444", "https://evilshop.example",
        "https://shop.example.evil", "https://app.example@evil.test", "app.example", "https://"}) {
    request.origin = origin;
    CAPTURE(origin);
    CHECK(judge(proof, rule, request) == AccessResult::origin);
  }
  request.origin = "https://app.example";
  request.client = &outside;
  CHECK(judge(proof, rule, request) == AccessResult::address);
  request.client = nullptr;
  CHECK(judge(proof, rule, request) == AccessResult::address);
  request.client = &inside;
  request.site = "s-2";
  CHECK(judge(proof, rule, request) == AccessResult::wrong_tenant);
  request.site = "s-1";
  request.module = "m-2";
  CHECK(judge(proof, rule, request) == AccessResult::wrong_tenant);
  request.module = "";
  CHECK(judge(proof, rule, request) == AccessResult::wrong_tenant);
  request.module = "m-1";
  request.agency = "a-2";
  CHECK(judge(proof, rule, request) == AccessResult::wrong_tenant);
}

TEST_CASE("embed tokens, signed") {
  EmbedClaims claims{"s-1", "m-1", kNow + 60, {"page.example"}};
  const std::string token = sign_embed_token(claims, kSecret);
  REQUIRE(token.starts_with("me1."));
  const auto proof = [&](const std::string& t, std::int64_t now = kNow) {
    return proof_of_signed_embed(t, kSecret, digest(t), now);
  };
  const Proof good = proof(token);
  CHECK(good.result == AccessResult::granted);
  CHECK(good.caller.site == "s-1");
  CHECK(good.caller.auth == AuthType::embed);
  CHECK(good.module == "m-1");
  CHECK(good.origins == claims.domains);
  CHECK(good.caller.expires_at == at(kNow + 60));
  CHECK(proof(token, kNow + 60).result == AccessResult::expired);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string bent = token;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    CHECK(proof(bent).result == AccessResult::invalid);
  }
  CHECK(proof_of_signed_embed(token, "another secret of more than 32 bytes!", digest(token), kNow)
            .result == AccessResult::invalid);
  for (const char* none : {"", "me1.", "me1..", "me1.e30.", "me1", "."})
    CHECK(proof(none).result == AccessResult::invalid);
}

TEST_CASE("embed tokens of the platform prove nothing without their row") {
  const std::string token =
      legacy(R"({"siteId":"s-1","moduleId":"m-1","exp":1800000060000,"domains":["evil.test"]})");
  const auto claims = read_legacy_embed(token);
  REQUIRE(claims);
  CHECK(claims->expires == kNow + 60);
  CHECK(claims->domains.empty());
  KeyAnswer<EmbedTokenRecord> answer;
  answer.status = KeyFound::found;
  answer.record.hash = lower_hex(digest(token));
  answer.record.site = "s-1";
  answer.record.module = "m-1";
  answer.record.domains = {"page.example"};
  const auto proof = [&](std::int64_t now = kNow) {
    return proof_of(answer, *claims, digest(token), now);
  };
  CHECK(proof().result == AccessResult::granted);
  CHECK(proof().origins == answer.record.domains);
  CHECK(proof(kNow + 60).result == AccessResult::expired);
  answer.record.expires_at = at(kNow + 5);
  CHECK(proof(kNow + 5).result == AccessResult::expired);
  answer.record.expires_at = at(kNow + 500);
  CHECK(proof(kNow + 60).result == AccessResult::expired);  // its own end counts, too
  answer.record.revoked = true;
  CHECK(proof().result == AccessResult::invalid);
  answer.record.revoked = false;
  answer.record.hash = lower_hex(digest("another"));
  CHECK(proof().result == AccessResult::invalid);
  answer.status = KeyFound::absent;
  CHECK(proof().result == AccessResult::invalid);
  answer.status = KeyFound::unavailable;
  CHECK(proof().result == AccessResult::unavailable);
  for (const char* none :
       {"{}", R"({"siteId":"s"})", R"({"siteId":"s","moduleId":"m","exp":"1"})",
        R"({"siteId":"s","siteId":"t","moduleId":"m","exp":1})",
        R"({"siteId":"","moduleId":"m","exp":1})", R"({"siteId":"s","moduleId":"m","exp":-1})"})
    CHECK_FALSE(read_legacy_embed(legacy(none)));
  CHECK_FALSE(read_legacy_embed("a.b.c"));
  CHECK_FALSE(read_legacy_embed(std::string(3000, 'A')));
}

TEST_CASE("an embed token opens its own embed") {
  const EmbedClaims claims{"s-1", "m-1", kNow + 60, {}};
  const std::string token = sign_embed_token(claims, kSecret);
  const Proof proof = proof_of_signed_embed(token, kSecret, digest(token), kNow);
  AccessRule rule = any_rule();
  TenantOfRequest request{"a-1", "s-1", "m-1", HostClass::custom, nullptr, "", "m-1", "s-1"};
  CHECK(judge(proof, rule, request) == AccessResult::granted);
  request.embed_site = request.embed_module = "";
  CHECK(judge(proof, rule, request) == AccessResult::granted);
  TenantOfRequest app{"", "", "", HostClass::app, nullptr, "", "m-1", "s-1"};
  CHECK(judge(proof, rule, app) == AccessResult::granted);
  app.embed_site = "s-2";
  CHECK(judge(proof, rule, app) == AccessResult::wrong_tenant);
  app.embed_site = "s-1";
  app.embed_module = "m-2";
  CHECK(judge(proof, rule, app) == AccessResult::wrong_tenant);
  app.embed_site = app.embed_module = "";
  CHECK(judge(proof, rule, app) == AccessResult::wrong_tenant);
  const auto path = embed_path("/embed/m-1/s-1?token=x");
  REQUIRE(path);
  CHECK(path->module == "m-1");
  CHECK(path->site == "s-1");
  CHECK(embed_path("/embed/m/s/x")->site == "s");
  CHECK(embed_path("/Embed/m/s")->module == "m");
  CHECK_FALSE(embed_path("/embed/m"));
  CHECK_FALSE(embed_path("/embed//s"));
  CHECK_FALSE(embed_path("/embedded/m/s"));
}

TEST_CASE("every column of a consumer is looked at") {
  const std::string key = "dk_" + std::string(32, 'A');
  KeyAnswer<ConsumerRecord> answer;
  answer.status = KeyFound::found;
  ConsumerRecord& row = answer.record;
  row.id = "consumer-1";
  row.hash = lower_hex(digest(key));
  row.module = "m-1";
  row.site = "s-1";
  row.agency = "a-1";
  row.scopes = {"read"};
  row.endpoints = {"GET /product/{id}"};
  row.per_minute = 6;
  row.per_day = 7;
  row.active = true;
  const KeyAnswer<ConsumerRecord> whole = answer;
  const auto result = [&] { return proof_of(answer, digest(key)).result; };
  const Proof good = proof_of(answer, digest(key));
  CHECK(good.result == AccessResult::granted);
  CHECK(good.caller.consumer == "consumer-1");
  CHECK(good.caller.auth == AuthType::consumer);
  CHECK(good.caller.api_key.empty());
  CHECK(good.caller.bound_site == "s-1");
  CHECK(good.caller.bound_module == "m-1");
  CHECK(good.caller.limit_per_minute == 6);
  CHECK(good.caller.limit_per_day == 7);
  row.active = false;
  CHECK(result() == AccessResult::invalid);
  answer = whole;
  row.broken = true;
  CHECK(result() == AccessResult::invalid);
  answer = whole;
  row.hash[63] = row.hash[63] == '0' ? '1' : '0';
  CHECK(result() == AccessResult::invalid);
  answer = whole;
  row.site.clear();
  CHECK(result() == AccessResult::invalid);
  answer = whole;
  answer.status = KeyFound::absent;
  CHECK(result() == AccessResult::invalid);
  answer.status = KeyFound::unavailable;
  CHECK(result() == AccessResult::unavailable);

  AccessRule rule;
  rule.accept = {config::Credential::consumer};
  const auto judged = [&](std::string_view method, std::string_view path,
                          std::string_view scope = {}, std::string_view site = "s-1") {
    TenantOfRequest tenant;
    tenant.agency = "a-1";
    tenant.site = site;
    tenant.module = "m-1";
    tenant.method = method;
    tenant.path = path;
    tenant.method_scope = scope;
    return judge(good, rule, tenant);
  };
  CHECK(judged("GET", "/product/5") == AccessResult::granted);
  CHECK(judged("GET", "/product/5", {}, "s-2") == AccessResult::wrong_tenant);
  CHECK(judged("POST", "/product/5") == AccessResult::endpoint);
  CHECK(judged("GET", "/product/5", "write") == AccessResult::scope);
  CHECK(judged("GET", "/product/5", "read") == AccessResult::granted);
  rule.scopes = {"write"};
  CHECK(judged("GET", "/product/5") == AccessResult::scope);
}

TEST_CASE("endpoints are compared by their segments") {
  const std::vector<std::string> list{"GET /product/{id}", "POST /orders/:id/items", "GET /"};
  CHECK(endpoint_fits(list, "GET", "/product/5"));
  CHECK(endpoint_fits(list, "HEAD", "/product/5"));
  CHECK(endpoint_fits(list, "POST", "/orders/7/items"));
  CHECK(endpoint_fits(list, "GET", "/"));
  for (const char* path : {"", "/product", "/product/", "/product/5/", "/product/5/x", "/PRODUCT/5",
                           "//product/5", "product/5", "/products/5", "/x/product/5"})
    CHECK_FALSE_MESSAGE(endpoint_fits(list, "GET", path), path);
  CHECK_FALSE(endpoint_fits(list, "get", "/product/5"));
  CHECK_FALSE(endpoint_fits(list, "GE", "/product/5"));
  CHECK_FALSE(endpoint_fits(list, "DELETE", "/product/5"));
  CHECK_FALSE(endpoint_fits(list, "HEAD", "/orders/7/items"));
  CHECK_FALSE(endpoint_fits({}, "GET", "/product/5"));
  CHECK(endpoint_fits({"*"}, "DELETE", ""));
  CHECK(scope_of_method("HEAD") == "read");
  CHECK(scope_of_method("PATCH") == "write");
  CHECK(scope_of_method("DELETE") == "delete");
  for (const char* method : {"delete", "Delete", "dELETE"})
    CHECK_MESSAGE(scope_of_method(method) == "delete", method);
  CHECK(scope_of_method("get") == "read");
  CHECK(scope_of_method("post") == "write");
  CHECK(scope_of_method("DELETED") == "write");
}
