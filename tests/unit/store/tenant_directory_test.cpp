// What the tables say of tenants, from SQLite; PostgreSQL's statements are run end to
// end (tests/e2e/test_row_security.py).
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "directory_rig.hpp"
#include "store/sqlite_directory.hpp"
#include "store/tenant_sql.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
using identity::TenantQuestion;

namespace {

constexpr const char* kRows = R"(
INSERT INTO agencies (id, name, status, subscription_status) VALUES
  ('a1', 'one', 'active', 'Past Due'), ('a2', 'two', 'SUSPENDED', NULL);
INSERT INTO clients (id, agency_id) VALUES ('c1', 'a1');
INSERT INTO sites (id, client_id, agency_id, published) VALUES ('s1', 'c1', 'a1', 1);
INSERT INTO site_module_installations (id, site_id, module_id, is_enabled) VALUES
  ('i1', 's1', 'm1', 1), ('i2', 's1', 'm2', 0);
INSERT INTO agency_members (agency_id, user_id, role) VALUES ('a2', 'u1', 'owner'), ('a1', 'u1', 'admin');
INSERT INTO module_allowed_domains (site_id, module_id, domain, verified, allow_api, allow_embed) VALUES
  ('s1', 'm1', 'a.example', 1, 1, 0), ('s1', 'm1', 'b.example', 0, 1, 1), ('s1', 'm1', 'c.example', 1, NULL, 1),
  ('s1', 'm2', 'd.example', 1, 1, 1);
INSERT INTO module_api_routes (module_id, path, method, requires_auth, required_scopes, rate_limit_per_minute,
  cache_ttl_seconds, is_active) VALUES
  ('m1', '/a', 'get', 0, '["read","write"]', 30, 60, 1), ('m1', '/b', 'POST', NULL, 'nonsense', NULL, NULL, 1);
)";

struct Tenants {
  Tenants() {
    char name[] = "/tmp/marquee-tenants-XXXXXX";
    REQUIRE(mkdtemp(name));
    folder = name;
    SqliteDirectory::Options options;
    options.path = (folder / "directory.sqlite").string();
    options.poll_interval = 20ms;
    directory.emplace(std::move(options), status);
    REQUIRE(marquee::store::ask(*directory, "any.example").status ==
            routing::DirectoryAnswer::Status::absent);
    run(kRows);
  }
  ~Tenants() {
    directory.reset();
    std::filesystem::remove_all(folder);
  }
  void run(const std::string& sql) {
    std::string error;
    const auto database = SqliteDatabase::open((folder / "directory.sqlite").string(),
                                               SqliteDatabase::Mode::write, 10s, error);
    REQUIRE_MESSAGE(database, error);
    error = database->run(sql);
    REQUIRE_MESSAGE(error.empty(), error);
  }
  identity::TenantFacts ask(TenantQuestion question, std::string first, std::string second = {}) {
    const auto promise = std::make_shared<std::promise<identity::TenantAnswer>>();
    identity::TenantDirectory& port = *directory;
    port.ask({question, std::move(first), std::move(second)},
             [promise](identity::TenantAnswer a) { promise->set_value(std::move(a)); });
    const identity::TenantAnswer answer = wait_for(promise->get_future());
    REQUIRE_MESSAGE(answer.ok, answer.failure.sentence);
    return answer.facts;
  }
  std::filesystem::path folder;
  base::Logger logger;
  AdapterStatus status{logger};
  std::optional<SqliteDirectory> directory;
};

}  // namespace

TEST_CASE("tenants in SQLite: members, sites, origins, installations, routes") {
  Tenants t;
  const auto members = t.ask(TenantQuestion::memberships, "u1").memberships;
  REQUIRE(members.size() == 2);
  CHECK(members[0] == identity::Membership{"a1", "admin", "active"});
  CHECK(members[1] == identity::Membership{"a2", "owner", "suspended"});
  CHECK(t.ask(TenantQuestion::memberships, "nobody").memberships.empty());
  CHECK(t.ask(TenantQuestion::memberships, "' OR 1=1 --").memberships.empty());
  CHECK(*t.ask(TenantQuestion::site, "s1").site == identity::TenantSite{"s1", "a1", "c1"});
  CHECK_FALSE(t.ask(TenantQuestion::site, "s2").site);
  const auto origins = t.ask(TenantQuestion::origins, "s1", "m1").origins;
  REQUIRE(origins.size() == 2);
  CHECK(origins[0] == identity::AllowedOrigin{"a.example", true, false, 1000});
  CHECK(origins[1] == identity::AllowedOrigin{"c.example", false, true, 1000});
  CHECK(*t.ask(TenantQuestion::installation, "s1", "m1").installation ==
        identity::Installation{"i1", true, true, "a1", "active", "past due"});
  CHECK_FALSE(t.ask(TenantQuestion::installation, "s1", "m2").installation->enabled);
  CHECK_FALSE(t.ask(TenantQuestion::installation, "s2", "m1").installation);
  const auto routes = t.ask(TenantQuestion::api_routes, "m1").routes;
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].method == "GET");
  CHECK(routes[0].scopes == std::vector<std::string>{"read", "write"});
  CHECK(routes[0].per_minute == 30);
  CHECK(routes[0].cache_seconds == 60);
  CHECK_FALSE(routes[0].requires_auth);
  // Scopes that cannot be read nobody has.
  CHECK(routes[1].requires_auth);
  CHECK_FALSE(routes[1].active);
}

TEST_CASE("tenants in SQLite: the states of an installation's site and agency") {
  Tenants t;
  t.run("UPDATE sites SET published = 0; UPDATE agencies SET status = 'Suspended'");
  const auto found = *t.ask(TenantQuestion::installation, "s1", "m1").installation;
  CHECK(found.enabled);
  CHECK_FALSE(found.published);
  CHECK(found.agency_status == "suspended");
  // An agency that cannot be seen may be any.
  identity::TenantFacts facts;
  add_tenant_row(TenantQuestion::installation, {"i1", "t", "t", std::nullopt, std::nullopt}, facts);
  CHECK_FALSE(facts.installation->enabled);
}

TEST_CASE("tenants in SQLite: what changes is told by user and by module") {
  Tenants t;
  Ear ear;
  t.directory->subscribe(&ear);
  REQUIRE(ear.wait_live());
  t.run("UPDATE agency_members SET role = 'member' WHERE agency_id = 'a1'");
  CHECK(ear.wait_change(routing::Change::What::member, "u1"));
  t.run("UPDATE module_allowed_domains SET verified = 0 WHERE domain = 'a.example'");
  CHECK(ear.wait_change(routing::Change::What::module, "m1"));
  t.directory->subscribe(nullptr);
}

TEST_CASE("ids that PostgreSQL would refuse are nobody's, without a question") {
  CHECK(is_uuid("6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01"));
  CHECK_FALSE(may_have_rows(true, {TenantQuestion::site, "site-1", ""}));
  CHECK_FALSE(
      may_have_rows(true, {TenantQuestion::origins, "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01", "m"}));
  CHECK(may_have_rows(false, {TenantQuestion::site, "site-1", ""}));
  CHECK_FALSE(may_have_rows(false, {TenantQuestion::site, "", ""}));
}
