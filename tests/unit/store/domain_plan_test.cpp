#include "store/domain_plan.hpp"

#include <doctest/doctest.h>

using namespace marquee;
using namespace marquee::store;
using admin::BookResult;
using admin::DomainDraft;

namespace {

struct Ids {
  int next = 0;
  std::string operator()() { return "new" + std::to_string(++next); }
};

DomainDraft draft(const std::string& host, const std::string& installation = "",
                  const std::string& site = "", const std::string& client = "",
                  const std::string& agency = "", const std::string& module = "") {
  DomainDraft out;
  out.host = host;
  out.installation = installation;
  out.site = site;
  out.client = client;
  out.agency = agency;
  out.module = module;
  return out;
}

DraftFacts facts(std::initializer_list<std::pair<Fact, const char*>> values) {
  DraftFacts out;
  for (const auto& [fact, value] : values) out.values[static_cast<std::size_t>(fact)] = value;
  return out;
}

const DraftFacts kInstalled = facts({{Fact::installation, "i1"},
                                     {Fact::module, "m1"},
                                     {Fact::site, "s1"},
                                     {Fact::client, "c1"},
                                     {Fact::agency, "a1"}});

}  // namespace

TEST_CASE("a tenant that exists is taken as it is") {
  BatchPlan plan(Ids{});
  plan.add(draft("a.test", "i1"), kInstalled);
  REQUIRE(plan.domains().size() == 1);
  const PlannedDomain& p = plan.domains()[0];
  CHECK(p.agency == "a1");
  CHECK_FALSE((p.make_installation || p.make_site || p.make_client || p.make_agency));
  CHECK(plan.answers()[0].id == p.id);
  CHECK(p.status == "active");
  // What is named has to agree with it.
  plan.add(draft("b.test", "i1", "s2"), kInstalled);
  CHECK(plan.answers()[1].result == BookResult::invalid);
  CHECK(plan.answers()[1].field == "site");
  plan.add(draft("c.test", "i9", "s1", "", "", "m1"), kInstalled);
  CHECK(plan.answers()[2].field == "installation");
  CHECK(plan.domains().size() == 1);
}

TEST_CASE("what does not exist is made, from where it begins to be missing") {
  BatchPlan plan(Ids{});
  plan.add(draft("a.test"), {});
  plan.add(draft("b.test", "", "s1"),
           facts({{Fact::site, "s1"}, {Fact::client, "c1"}, {Fact::agency, "a1"}}));
  plan.add(draft("c.test", "", "", "c1"), facts({{Fact::client, "c1"}, {Fact::agency, "a1"}}));
  plan.add(draft("d.test", "", "", "", "a1"), facts({{Fact::agency, "a1"}}));
  REQUIRE(plan.domains().size() == 4);
  const auto made = [&plan](std::size_t i) {
    const PlannedDomain& p = plan.domains()[i];
    return std::array<bool, 4>{p.make_installation, p.make_site, p.make_client, p.make_agency};
  };
  CHECK(made(0) == std::array{true, true, true, true});
  CHECK(made(1) == std::array{true, false, false, false});
  CHECK(made(2) == std::array{true, true, false, false});
  CHECK(made(3) == std::array{true, true, true, false});
  CHECK(plan.domains()[1].agency == "a1");
}

TEST_CASE("drafts of one batch see each other") {
  BatchPlan plan(Ids{});
  plan.add(draft("a.test", "", "s1", "c1", "a1", "m1"), {});
  plan.add(draft("b.test", "", "s1", "", "", "m1"), {});  // the same installation
  plan.add(draft("c.test", "", "s1", "c2"), {});          // the site has another client
  plan.add(draft("d.test", "i5", "s1", "", "", "m1"), {});
  plan.add(draft("a.test", "", "s1", "c1", "a1", "m1"), {});  // once more
  plan.add(draft("a.test"), {});                              // once more, otherwise
  plan.add(draft("www.a.test"), {});
  REQUIRE(plan.domains().size() == 2);
  CHECK(plan.domains()[1].installation == plan.domains()[0].installation);
  CHECK_FALSE(plan.domains()[1].make_installation);
  const auto& answers = plan.answers();
  CHECK(answers[2].field == "client");
  CHECK(answers[3].field == "installation");
  CHECK(answers[4].result == BookResult::unchanged);
  CHECK(answers[4].id == answers[0].id);
  CHECK(answers[5].result == BookResult::taken);
  CHECK(answers[6].result == BookResult::taken);
}

TEST_CASE("a name that is there is the same domain, or somebody else's") {
  DraftFacts there = kInstalled;
  there.values[static_cast<std::size_t>(Fact::domain)] = "d1";
  there.values[static_cast<std::size_t>(Fact::domain_name)] = "a.test";
  there.values[static_cast<std::size_t>(Fact::domain_installation)] = "i1";
  there.values[static_cast<std::size_t>(Fact::domain_status)] = "disabled";
  there.values[static_cast<std::size_t>(Fact::domain_config)] = R"({"cache_ttl": 5})";
  const auto result = [&there](DomainDraft d) {
    BatchPlan plan(Ids{});
    plan.add(d, there);
    CHECK(plan.domains().empty());
    CHECK(plan.answers()[0].id == "d1");
    return plan.answers()[0].result;
  };
  DomainDraft same = draft("a.test", "i1", "", "", "a1");
  same.config = R"({"cache_ttl":5})";
  CHECK(result(same) == BookResult::unchanged);  // a status that is not given is any
  same.status = routing::DomainStatus::active;
  CHECK(result(same) == BookResult::taken);
  same.status = routing::DomainStatus::disabled;
  CHECK(result(same) == BookResult::unchanged);
  same.vouched = true;  // never in passing
  CHECK(result(same) == BookResult::taken);
  there.values[static_cast<std::size_t>(Fact::proven)] = "1";
  CHECK(result(same) == BookResult::unchanged);
  same.agency = "a2";
  CHECK(result(same) == BookResult::taken);
  CHECK(result(draft("a.test")) == BookResult::taken);  // other config
  CHECK(result(draft("www.a.test")) == BookResult::taken);
}
