#include "routing/membership_filter.hpp"

#include <doctest/doctest.h>

#include "routing/record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

namespace {

LookupKeys keys(std::string_view host) {
  return keys_of(sample_host(host), "sites.platform.example");
}
void tell(MembershipFilter& filter, Change change) { filter.on_changes({&change, 1}); }
void tell(MembershipFilter& filter, std::string_view name) {
  tell(filter, {Change::What::name, std::string(name)});
}

struct Rig {
  Rig() {
    filter.on_feed(true);
    const auto build = filter.begin();
    filter.add(build, {"shop.example", "*.wild.example", "bakery."});
    REQUIRE(filter.complete(build));
  }
  bool has(std::string_view host) const { return filter.may_exist(keys(host)); }
  MembershipFilter filter;
};

}  // namespace

TEST_CASE("membership: names, pairs, wildcard children, site labels") {
  Rig rig;
  for (const char* host : {"shop.example", "www.shop.example", "a.wild.example", "www.wild.example",
                           "bakery.sites.platform.example"})
    CHECK(rig.has(host));
  for (const char* host : {"who.example", "wild.example", "a.b.wild.example",
                           "florist.sites.platform.example", "bakery.other.example"})
    CHECK(!rig.has(host));
}

TEST_CASE("membership: says nothing until complete, nor while the feed is not live") {
  MembershipFilter filter;
  CHECK(filter.may_exist(keys("who.example")));
  CHECK(!filter.wants_build());  // not live yet
  CHECK(!filter.complete(filter.begin()));
  filter.on_feed(true);
  CHECK(filter.wants_build());
  const auto build = filter.begin();
  CHECK(!filter.wants_build());
  filter.add(build, {"shop.example"});
  CHECK(filter.may_exist(keys("who.example")));
  CHECK(filter.complete(build));
  CHECK(!filter.may_exist(keys("who.example")));
  filter.on_feed(false);
  CHECK(filter.may_exist(keys("who.example")));
  // The replay comes before the feed is live: what was missed is in it then.
  tell(filter, "new.example");
  filter.on_feed(true);
  CHECK(filter.may_exist(keys("new.example")));
  CHECK(!filter.may_exist(keys("who.example")));
  // No replay.
  tell(filter, Change{});
  CHECK(filter.may_exist(keys("who.example")));
  CHECK(filter.wants_build());
}

TEST_CASE("membership: an addition is in it at every moment of a build") {
  for (int moment = 0; moment < 5; ++moment) {
    Rig rig;
    const auto add_at = [&](int now) {
      if (now == moment) tell(rig.filter, "new.example");
      CHECK(rig.has("new.example") == (now >= moment));
      CHECK(rig.has("shop.example"));
    };
    add_at(0);
    const auto build = rig.filter.begin();
    add_at(1);
    // Told before the listing began: the listing has it.
    if (moment == 0) rig.filter.add(build, {"new.example"});
    rig.filter.add(build, {"shop.example"});
    add_at(2);
    rig.filter.add(build, {"zoo.example"});
    add_at(3);
    CHECK(rig.filter.complete(build));
    add_at(4);
    CHECK(!rig.has("who.example"));
    CHECK(!rig.has("a.wild.example"));  // gone from the listing
  }
}

TEST_CASE("membership: a build that was void is ignored") {
  Rig rig;
  const auto lost = rig.filter.begin();
  rig.filter.on_feed(false);
  rig.filter.on_feed(true);
  rig.filter.add(lost, {"x.example"});
  CHECK(!rig.filter.complete(lost));
  const auto first = rig.filter.begin();
  const auto second = rig.filter.begin();
  rig.filter.add(first, {"only-first.example"});
  CHECK(!rig.filter.complete(first));
  rig.filter.add(second, {"only-second.example"});
  tell(rig.filter, Change{});
  CHECK(!rig.filter.complete(second));
  CHECK(rig.has("who.example"));
  const auto third = rig.filter.begin();
  rig.filter.abandon(third);
  CHECK(rig.filter.wants_build());
}

TEST_CASE("membership: many additions ask for a new build") {
  Rig rig;
  CHECK(!rig.filter.wants_build());
  for (int i = 0; i < 5000; ++i) tell(rig.filter, "n" + std::to_string(i) + ".example");
  CHECK(rig.filter.wants_build());
  CHECK(rig.has("n4999.example"));
}

TEST_CASE("membership: false alarms are rare, and no name is missed") {
  MembershipFilter filter;
  filter.on_feed(true);
  const auto build = filter.begin();
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i) names.push_back("customer-" + std::to_string(i) + ".example");
  filter.add(build, names);
  REQUIRE(filter.complete(build));
  for (int i = 0; i < 200'000; i += 7)
    REQUIRE(filter.may_exist(keys("customer-" + std::to_string(i) + ".example")));
  int alarms = 0;
  for (int i = 0; i < 100'000; ++i)
    alarms += filter.may_exist(keys("stranger-" + std::to_string(i) + ".test"));
  CHECK(alarms < 600);  // two names each
  CHECK(filter.bytes() <= 200'000 * 6);
}
