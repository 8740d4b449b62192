#include "identity/tenancy.hpp"

#include <doctest/doctest.h>

#include "identity/tenant_cache.hpp"

using namespace marquee;
using namespace marquee::identity;

namespace {

Caller user(std::string agency = {}, std::string site = {}) {
  Caller c;
  c.user = "user-1";
  c.agency = std::move(agency);
  c.site = std::move(site);
  return c;
}

const std::vector<Membership> kTwo{{"agency-1", "member", "active"}, {"agency-2", "owner", ""}};
const std::vector<std::string> kRefused{"suspended", "cancelled"};
const TenantSite kSite{"site-2", "agency-2", "client-2"};

TenantDecision judge(const Caller* who, const std::vector<Membership>& members, SiteClaim claim,
                     const TenantSite* site) {
  return decide(who, members, claim, site, kRefused);
}

}  // namespace

TEST_CASE("tenancy: nobody, and a credential of no user, are unauthorized") {
  CHECK(judge(nullptr, kTwo, {}, nullptr).verdict == TenantVerdict::unauthorized);
  const Caller key;
  CHECK(judge(&key, kTwo, {}, nullptr).verdict == TenantVerdict::unauthorized);
  const auto says = refusal_of(TenantVerdict::unauthorized);
  CHECK(says.status == 401);
  CHECK(says.code == "AUTH_REQUIRED");
  CHECK(says.sentence == "Unauthorized");
}

TEST_CASE("tenancy: membership decides the agency and the role") {
  const Caller who = user();
  const auto first = judge(&who, kTwo, {}, nullptr);
  CHECK(first.verdict == TenantVerdict::admitted);
  CHECK(first.agency == "agency-1");
  CHECK(first.role == "member");
  CHECK(first.site.empty());
  CHECK(judge(&who, {}, {}, nullptr).verdict == TenantVerdict::no_agency);
  const Caller bound = user("agency-2");
  CHECK(judge(&bound, kTwo, {}, nullptr).role == "owner");
  const Caller stranger = user("agency-3");
  CHECK(judge(&stranger, kTwo, {}, nullptr).verdict == TenantVerdict::no_agency);
  const Caller left = user();
  CHECK(judge(&left, {{"agency-1", "owner", "suspended"}}, {}, nullptr).verdict ==
        TenantVerdict::no_agency);
}

TEST_CASE("tenancy: a site is accepted only from a member of its agency") {
  const Caller who = user();
  const auto own = judge(&who, kTwo, {"site-2", false}, &kSite);
  CHECK(own.verdict == TenantVerdict::admitted);
  CHECK(own.agency == "agency-2");
  CHECK(own.role == "owner");
  CHECK(own.site == "site-2");
  CHECK(own.client == "client-2");
  CHECK(judge(&who, {kTwo[0]}, {"site-2", false}, &kSite).verdict == TenantVerdict::site_denied);
  CHECK(judge(&who, kTwo, {"site-9", false}, nullptr).verdict == TenantVerdict::site_not_found);
  CHECK(judge(&who, kTwo, {"site-2", true}, &kSite).verdict == TenantVerdict::bad_claim);
  // A row that is not the one that was named proves nothing.
  CHECK(judge(&who, kTwo, {"site-1", false}, &kSite).verdict == TenantVerdict::site_denied);
  const Caller elsewhere = user("", "site-1");
  CHECK(judge(&elsewhere, kTwo, {"site-2", false}, &kSite).verdict == TenantVerdict::site_denied);
  const Caller suspended = user();
  CHECK(judge(&suspended, {{"agency-2", "owner", "cancelled"}, {"agency-1", "owner", ""}},
              {"site-2", false}, &kSite)
            .verdict == TenantVerdict::site_denied);
}

TEST_CASE("tenancy: field and query have to agree, and outrank the cookie") {
  const std::vector<std::string_view> none;
  const std::vector<std::string_view> field{"f"}, two{"f", "g"}, same{"f", "f", ""}, blank{""};
  const std::vector<std::string> query{"q"}, no_query;
  const std::vector<std::string_view> cookie{"c"};
  CHECK(claimed_site(field, no_query, cookie).site == "f");
  CHECK(claimed_site(none, query, cookie).site == "q");
  CHECK(claimed_site(blank, query, cookie).site == "q");
  CHECK(claimed_site(none, no_query, cookie).site == "c");
  CHECK(claimed_site(none, no_query, none).site.empty());
  CHECK(claimed_site(two, query, cookie).contradictory);
  CHECK_FALSE(claimed_site(same, no_query, cookie).contradictory);
  CHECK(claimed_site(field, query, cookie).contradictory);
  CHECK_FALSE(claimed_site(field, std::vector<std::string>{"f", ""}, cookie).contradictory);
  const std::vector<std::string_view> two_cookies{"c", "d"};
  CHECK(claimed_site(none, no_query, two_cookies).contradictory);
  CHECK_FALSE(claimed_site(field, no_query, two_cookies).contradictory);
}

TEST_CASE("tenancy: more claims than are read are a contradiction, whatever they say") {
  const std::vector<std::string_view> none;
  std::vector<std::string> query(kMostSiteClaims, "q");
  CHECK_FALSE(claimed_site(none, query, none).contradictory);
  query.emplace_back("q");
  CHECK(claimed_site(none, query, none).contradictory);
  const std::string crumbs = "s=a;s=a;s=a;s=a;s=a;s=a;s=a;s=a;s=b";
  const std::vector<std::string_view> fields{crumbs};
  const auto cookies = cookie_values(fields, "s");
  CHECK(cookies.size() == kMostSiteClaims + 1);
  CHECK(claimed_site(none, std::vector<std::string>{}, cookies).contradictory);
}

TEST_CASE("tenancy: a UUID is the same in every case, another id is not") {
  const std::string upper = "6F1C9A52-8F0E-4F0B-9D3A-5F0F3F1F7C01";
  const std::string lower = "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01";
  const std::vector<std::string_view> field{upper}, word{"Site-A"}, none;
  CHECK(claimed_site(field, std::vector<std::string>{lower}, none).site == lower);
  CHECK_FALSE(claimed_site(field, std::vector<std::string>{lower}, none).contradictory);
  CHECK(claimed_site(word, std::vector<std::string>{}, none).site == "Site-A");
  CHECK(claimed_site(word, std::vector<std::string>{"site-a"}, none).contradictory);
}

TEST_CASE("tenancy: what a credential is for binds, whoever its user is") {
  Caller token = user();
  token.bound_agency = "agency-2";
  CHECK(judge(&token, kTwo, {}, nullptr).agency == "agency-2");
  CHECK(judge(&token, kTwo, {"site-2", false}, &kSite).verdict == TenantVerdict::admitted);
  token.bound_agency = "agency-1";
  CHECK(judge(&token, kTwo, {"site-2", false}, &kSite).verdict == TenantVerdict::site_denied);
  token.bound_agency = "agency-3";
  CHECK(judge(&token, kTwo, {}, nullptr).verdict == TenantVerdict::no_agency);
  token.bound_agency = "";
  token.bound_site = "site-1";
  CHECK(judge(&token, kTwo, {"site-2", false}, &kSite).verdict == TenantVerdict::site_denied);
  token.bound_site = "site-2";
  CHECK(judge(&token, kTwo, {"site-2", false}, &kSite).verdict == TenantVerdict::admitted);

  Caller all;
  CHECK(is_bound_to(all, {"a", "s", "m"}));
  all.bound_agency = "a";
  all.bound_site = "s";
  all.bound_module = "m";
  CHECK(is_bound_to(all, {"a", "s", "m"}));
  CHECK(is_bound_to(all, {}));
  CHECK_FALSE(is_bound_to(all, {"b", "s", "m"}));
  CHECK_FALSE(is_bound_to(all, {"a", "t", "m"}));
  CHECK_FALSE(is_bound_to(all, {"a", "s", "n"}));
}

TEST_CASE("tenancy: a module is served where its domain would be") {
  const std::vector<std::string> unpaid{"past_due"};
  const InstallationRules rules{kRefused, unpaid, false};
  Installation row{"i", true, true, "agency-1", "active", "active"};
  CHECK(judge_installation(&row, rules) == InstallationVerdict::serving);
  CHECK(judge_installation(nullptr, rules) == InstallationVerdict::not_installed);
  row.agency_status = "suspended";
  CHECK(judge_installation(&row, rules) == InstallationVerdict::agency_suspended);
  CHECK(judge_installation(&row, {{}, unpaid, false}) == InstallationVerdict::serving);
  row.agency_status = "active";
  row.subscription_status = "past_due";
  CHECK(judge_installation(&row, rules) == InstallationVerdict::agency_suspended);
  row.subscription_status = "";
  row.published = false;
  CHECK(judge_installation(&row, rules) == InstallationVerdict::site_unpublished);
  CHECK(judge_installation(&row, {kRefused, unpaid, true}) == InstallationVerdict::serving);
  row.enabled = false;
  CHECK(judge_installation(&row, rules) == InstallationVerdict::not_installed);
}

TEST_CASE("tenancy: cookies") {
  const std::vector<std::string_view> fields{"a=1; current_site_id=x;b=2", " current_site_id=\"y\"",
                                             "xcurrent_site_id=z; current_site_id"};
  CHECK(cookie_values(fields, "current_site_id") == std::vector<std::string_view>{"x", "y"});
}

namespace {

struct FakeDirectory final : TenantDirectory {
  void ask(const TenantKey& key, Done done) override {
    asked.push_back(key);
    open.push_back(std::move(done));
  }
  void answer(TenantAnswer with) {
    REQUIRE_FALSE(open.empty());
    const Done done = std::move(open.front());
    open.erase(open.begin());
    done(std::move(with));
  }
  std::vector<TenantKey> asked;
  std::vector<Done> open;
};

TenantAnswer member_of(std::string agency) {
  TenantAnswer out;
  out.ok = true;
  out.facts.memberships.push_back({std::move(agency), "owner", "active"});
  return out;
}

struct CacheRig {
  FakeDirectory directory;
  TenantCache cache{directory, {}};
  TenantCache::Time now{std::chrono::hours(1)};
  TenantKey key{TenantQuestion::memberships, "user-1", ""};
  std::vector<TenantCache::Facts> told;
  bool load() {
    return cache.load(
        key, [this] { return now; },
        [this](const TenantCache::Facts& facts) { told.push_back(facts); });
  }
};

}  // namespace

TEST_CASE("tenant cache: one question for many, kept for its time and no longer") {
  CacheRig r;
  CHECK_FALSE(r.cache.find(r.key, r.now));
  REQUIRE(r.load());
  REQUIRE(r.load());
  CHECK(r.directory.asked.size() == 1);
  r.directory.answer(member_of("agency-1"));
  REQUIRE(r.told.size() == 2);
  CHECK(r.told[0]->memberships.at(0).agency == "agency-1");
  CHECK(r.cache.find(r.key, r.now + std::chrono::seconds(59)));
  CHECK_FALSE(r.cache.find(r.key, r.now + std::chrono::seconds(60)));
}

TEST_CASE("tenant cache: absence is kept for a short time, failure not at all") {
  CacheRig r;
  r.load();
  TenantAnswer none;
  none.ok = true;
  r.directory.answer(none);
  CHECK(r.told.at(0)->memberships.empty());
  CHECK(r.cache.find(r.key, r.now + std::chrono::seconds(4)));
  CHECK_FALSE(r.cache.find(r.key, r.now + std::chrono::seconds(5)));
  r.now += std::chrono::seconds(5);
  r.load();
  r.directory.answer({});
  CHECK_FALSE(r.told.at(1));
  CHECK_FALSE(r.cache.find(r.key, r.now));
  CHECK(r.cache.counts().failures == 1);
}

TEST_CASE("tenant cache: a change voids what it concerns, also what is being asked") {
  CacheRig r;
  r.load();
  r.directory.answer(member_of("agency-1"));
  const routing::Change other{routing::Change::What::member, "user-2"};
  r.cache.on_changes({&other, 1});
  CHECK(r.cache.find(r.key, r.now));
  const routing::Change own{routing::Change::What::member, "user-1"};
  r.cache.on_changes({&own, 1});
  CHECK_FALSE(r.cache.find(r.key, r.now));
  r.load();
  r.cache.on_changes({&own, 1});
  r.directory.answer(member_of("agency-1"));
  CHECK(r.told.size() == 2);
  CHECK_FALSE(r.cache.find(r.key, r.now));
  r.load();
  r.directory.answer(member_of("agency-1"));
  const std::vector<routing::Change> many(100, other);
  r.cache.on_changes(many);
  CHECK_FALSE(r.cache.find(r.key, r.now));
}

TEST_CASE("tenant cache: an agency's change voids its own installations") {
  CacheRig r;
  r.key = {TenantQuestion::installation, "site-1", "module-1"};
  TenantAnswer found;
  found.ok = true;
  found.facts.installation = Installation{"i", true, true, "agency-1", "active", ""};
  r.load();
  r.directory.answer(found);
  const routing::Change other{routing::Change::What::agency, "agency-2"};
  r.cache.on_changes({&other, 1});
  CHECK(r.cache.find(r.key, r.now));
  const routing::Change own{routing::Change::What::agency, "agency-1"};
  r.cache.on_changes({&own, 1});
  CHECK_FALSE(r.cache.find(r.key, r.now));
  // Not known yet whose it is: not kept.
  r.load();
  r.cache.on_changes({&other, 1});
  r.directory.answer(found);
  CHECK_FALSE(r.cache.find(r.key, r.now));
}

TEST_CASE("tenant cache: questions under way are bounded") {
  FakeDirectory directory;
  TenantCache::Options options;
  options.questions = 1;
  TenantCache cache(directory, options);
  const auto clock = [] { return TenantCache::Time{}; };
  const auto done = [](const TenantCache::Facts&) {};
  CHECK(cache.load({TenantQuestion::site, "a", ""}, clock, done));
  CHECK_FALSE(cache.load({TenantQuestion::site, "b", ""}, clock, done));
  directory.answer(member_of("x"));
  CHECK(cache.load({TenantQuestion::site, "b", ""}, clock, done));
}
