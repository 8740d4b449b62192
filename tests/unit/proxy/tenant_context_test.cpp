// The fields of the tenant context: whose they are, and when they are made anew.
#include "proxy/tenant_context.hpp"

#include <doctest/doctest.h>

#include <set>

#include "base/base64.hpp"
#include "identity/jose/jws.hpp"
#include "proxy/snapshot.hpp"

using namespace marquee;
using namespace marquee::proxy;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;

std::shared_ptr<DomainPlan> plan_of(std::string_view agency) {
  auto domain = std::make_shared<routing::Domain>(*base::parse_hostname("shop.example").name);
  if (!agency.empty()) {
    domain->agency = *base::AgencyId::parse(agency);
    domain->installation = *base::InstallationId::parse("i-" + std::string(agency));
    domain->module = *base::ModuleId::parse("m");
  }
  static std::uint64_t serial = 0;
  auto plan = std::make_shared<DomainPlan>();
  plan->domain = std::move(domain);
  plan->serial = ++serial;
  return plan;
}

std::shared_ptr<const identity::KeyRing> ring_of(const identity::jose::KeyPtr& key) {
  return std::make_shared<const identity::KeyRing>(
      std::vector{identity::KeyRing::signing_key(key, 1, 0)}, 300);
}

struct Rig {
  Rig() { context.install(ring_of(key)); }
  std::string token(const DomainPlan& plan, std::string_view host, std::int64_t now,
                    const identity::Caller* caller = nullptr) {
    return std::string(context.token(plan, host, caller, settings, now));
  }
  std::string claims(const std::string& token) {
    const auto parts = identity::jose::split_compact(token);
    REQUIRE(parts);
    const auto header = identity::jose::parse_header(parts->header);
    CHECK(identity::jose::verify_compact(*parts, *header, *key));
    return *base::base64url_decode(parts->payload);
  }
  identity::jose::KeyPtr key = identity::jose::Key::generate(identity::jose::Algorithm::eddsa).key;
  config::Context settings;
  TenantContext context{16};
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

identity::Caller caller(std::string user, std::string site = "s1") {
  identity::Caller c;
  c.user = std::move(user);
  c.role = "admin";
  c.site = std::move(site);
  c.digest[0] = 7;
  return c;
}

}  // namespace

TEST_CASE("tenant context: one token for half of its life, per plan and host") {
  Rig r;
  const auto plan = plan_of("a");
  const std::string first = r.token(*plan, "shop.example", kNow);
  CHECK(has(r.claims(first), R"("agency":"a")"));
  CHECK(has(r.claims(first), R"("host":"shop.example")"));
  for (std::int64_t t = 0; t < 30; ++t) CHECK(r.token(*plan, "shop.example", kNow + t) == first);
  CHECK(r.context.counts().minted == 1);
  CHECK(r.token(*plan, "shop.example", kNow + 30) != first);
  CHECK(r.context.counts().minted == 2);
  CHECK(
      has(r.claims(r.token(*plan, "www.shop.example", kNow + 30)), R"("host":"www.shop.example")"));
  CHECK(r.context.counts().minted == 3);
  // The clock was set back: what is from the future is not sent.
  CHECK(has(r.claims(r.token(*plan, "shop.example", kNow - 5)), "\"iat\":1699999995"));
}

TEST_CASE("tenant context: no tenant gets another's, whatever the table forgets") {
  Rig r;  // 16 sets of four, and more hosts than that
  std::vector<std::shared_ptr<DomainPlan>> plans;
  for (int i = 0; i < 40; ++i) plans.push_back(plan_of("a" + std::to_string(i)));
  for (int round = 0; round < 3; ++round)
    for (std::size_t i = 0; i < plans.size(); ++i)
      for (const char* host : {"x.example", "y.example", "xx.example", "a", ""}) {
        const std::string claims = r.claims(r.token(*plans[i], host, kNow));
        CHECK(has(claims, "\"agency\":\"a" + std::to_string(i) + "\""));
        if (*host) CHECK(has(claims, "\"host\":\"" + std::string(host) + "\""));
      }
}

TEST_CASE("tenant context: a caller's own, and every part of the caller counts") {
  Rig r;
  const auto plan = plan_of("a");
  const identity::Caller one = caller("u1"), same_credential = caller("u1", "s2"),
                         two = caller("u2");
  const std::string plain = r.token(*plan, "h", kNow);
  const std::string with = r.token(*plan, "h", kNow, &one);
  CHECK(has(r.claims(with), R"("user":"u1","role":"admin")"));
  CHECK(has(r.claims(with), R"("site":"s1")"));
  CHECK(has(r.claims(r.token(*plan, "h", kNow, &same_credential)), R"("site":"s2")"));
  CHECK(has(r.claims(r.token(*plan, "h", kNow, &two)), R"("user":"u2")"));
  CHECK(r.token(*plan, "h", kNow) == plain);
  CHECK(r.token(*plan, "h", kNow, &one) == with);
  CHECK(r.context.counts().minted == 4);
  CHECK_FALSE(has(r.claims(plain), "user"));
}

TEST_CASE("tenant context: the module that a gate found is attested, and nobody else's") {
  Rig r;
  const auto open = plan_of("");
  CHECK(r.token(*open, "app.example", kNow).empty());
  const ServedModule one{"m1", "i1", "s1", "a1"}, two{"m1", "i2", "s2", "a2"};
  const auto said = [&](const ServedModule& m, const identity::Caller* who = nullptr) {
    return r.claims(std::string(r.context.token(*open, "app.example", who, r.settings, kNow, &m)));
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(has(said(one), R"("aud":"m1","sub":"i1","agency":"a1","site":"s1")"));
    CHECK(has(said(two), R"("aud":"m1","sub":"i2","agency":"a2","site":"s2")"));
  }
  CHECK(r.context.counts().minted == 2);
  // Every part of it counts.
  CHECK(has(said({"m2", "i1", "s1", "a1"}), R"("aud":"m2")"));
  CHECK(has(said({"m1", "i1", "s9", "a1"}), R"("site":"s9")"));
  CHECK(has(said({"m1", "i1", "s1", "a9"}), R"("agency":"a9")"));
  const identity::Caller who = caller("u1", "s1");
  CHECK(has(said(one, &who), R"("user":"u1")"));
  CHECK(r.token(*open, "app.example", kNow).empty());
  // The plain fields say the same; what the domain says stands in its plan.
  const auto fields = [&](const DomainPlan& plan) {
    std::string text;
    for (const auto& [name, value] :
         r.context.fields(plan, "app.example", nullptr, r.settings, kNow, &one)->fields())
      if (name != "x-tenant-context") text += std::string(name) + "=" + std::string(value) + " ";
    return text;
  };
  CHECK(fields(*open) ==
        "x-custom-domain=app.example x-module-id=m1 x-site-module-installation-id=i1 "
        "x-tenant-agency-id=a1 x-tenant-site-id=s1 x-site-id=s1 ");
  CHECK(fields(*plan_of("a")) == "x-custom-domain=app.example x-tenant-site-id=s1 x-site-id=s1 ");
}

TEST_CASE("tenant context: never beyond the credential") {
  Rig r;
  const auto plan = plan_of("a");
  identity::Caller c = caller("u");
  c.expires_at = std::chrono::sys_seconds(std::chrono::seconds(kNow + 10));
  CHECK(has(r.claims(r.token(*plan, "h", kNow, &c)), "\"exp\":1700000010"));
  CHECK_FALSE(r.token(*plan, "h", kNow + 9, &c).empty());
  CHECK(r.context.counts().minted == 1);
  CHECK(r.token(*plan, "h", kNow + 10, &c).empty());
}

TEST_CASE("tenant context: the plain fields of a caller fill only what the domain leaves open") {
  Rig r;
  const auto fields = [&](const DomainPlan& plan, const identity::Caller& c) {
    std::multiset<std::string> names;
    for (const auto& [name, value] : r.context.fields(plan, "h", &c, r.settings, kNow)->fields())
      names.insert(name);
    return names;
  };
  identity::Caller c = caller("u");
  c.agency = "a";
  const auto own = plan_of("a"), app = plan_of("");
  CHECK(fields(*own, c) == std::multiset<std::string>{"x-custom-domain", "x-site-id",
                                                      "x-tenant-context", "x-tenant-role",
                                                      "x-tenant-site-id", "x-tenant-user-id"});
  CHECK(fields(*app, c).count("x-tenant-agency-id") == 1);
}

TEST_CASE("tenant context: nobody's, switched off, and without a key") {
  Rig r;
  const auto plan = plan_of("a"), nobodys = plan_of("");
  CHECK(r.token(*nobodys, "h", kNow).empty());
  CHECK(r.context.fields(*nobodys, "h", nullptr, r.settings, kNow)->fields().size() == 1);
  CHECK(r.context.counts().failed == 0);
  r.settings.enabled = false;
  CHECK(r.token(*plan, "off", kNow).empty());
  CHECK(r.context.counts().failed == 0);
  r.settings.enabled = true;
  TenantContext keyless(4);
  CHECK(keyless.token(*plan, "h", nullptr, r.settings, kNow).empty());
  CHECK(keyless.counts().failed == 1);
  keyless.install(ring_of(r.key));
  CHECK_FALSE(keyless.token(*plan, "h", nullptr, r.settings, kNow).empty());
}

TEST_CASE("tenant context: other keys, other tokens; the same keys again, the same tokens") {
  Rig r;
  const auto plan = plan_of("a");
  const std::string first = r.token(*plan, "h", kNow);
  r.context.install(ring_of(r.key));
  CHECK(r.token(*plan, "h", kNow + 1) == first);
  r.key = identity::jose::Key::generate(identity::jose::Algorithm::es256).key;
  r.context.install(ring_of(r.key));
  CHECK(has(r.claims(r.token(*plan, "h", kNow + 1)), "\"iat\":1700000001"));
  // A block in use lives on when its entry is gone.
  const TenantContext::Block held = r.context.fields(*plan, "h", nullptr, r.settings, kNow + 1);
  r.context.install(std::make_shared<identity::KeyRing>());
  CHECK(held->fields().size() == 2);
}
