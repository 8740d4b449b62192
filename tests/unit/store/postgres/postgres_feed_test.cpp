#include <doctest/doctest.h>

#include "../conformance.hpp"
#include "postgres_rig.hpp"
#include "session.hpp"
#include "swallowing_proxy.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
using AnswerStatus = routing::DirectoryAnswer::Status;
using What = routing::Change::What;
using Clock = std::chrono::steady_clock;

namespace {

const std::string kDisable =
    "UPDATE module_custom_domains SET status = CASE status WHEN 'active' THEN 'disabled' ELSE "
    "'active' END WHERE domain = 'shop.example'";

struct Rigged {
  explicit Rigged(bool attach = true) {
    if (!cluster.installed) return;
    cluster.migrate(attach);
    cluster.sql(sample_rows());
  }
  Cluster cluster;
};

bool has(const std::vector<routing::Change>& changes, What what) {
  for (const auto& c : changes)
    if (c.what == what) return true;
  return false;
}

}  // namespace

TEST_CASE("PostgreSQL feed: a notification tells of a change within a second") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url(), 5min);
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  REQUIRE(rig.says("announces changes"));
  Session session(with.cluster.url());
  for (int i = 0; i < 10; ++i) {
    ear.take();
    const auto begin = Clock::now();
    session.run(kDisable);
    REQUIRE(ear.wait_change(What::name, "shop.example"));
    CHECK(Clock::now() - begin < 1s);
  }
  CHECK_FALSE(has(ear.take(), What::everything));
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL feed: a pooler that swallows LISTEN is noticed and polled through") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  SwallowingProxy proxy(static_cast<unsigned short>(std::stoi(with.cluster.port)));
  PostgresRig rig(
      "postgresql://marquee_test@127.0.0.1:" + proxy.port() + "/marquee?sslmode=disable", 20ms);
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  CHECK(rig.says("its notifications do not arrive"));
  CHECK(ear.staleness() == 20ms);
  ear.take();
  Session(with.cluster.url()).run(kDisable);
  CHECK(ear.wait_change(What::name, "shop.example"));
  CHECK_FALSE(has(ear.take(), What::everything));
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL feed: a transaction that commits late is told all the same, once") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  Session early(with.cluster.url());
  Session late(with.cluster.url());
  early.run("BEGIN");
  early.run(kDisable);
  const auto before = generation(*rig);
  ear.take();
  late.run("UPDATE module_custom_domains SET status = 'failed' WHERE domain = 'off.example'");
  REQUIRE(ear.wait_change(What::name, "off.example"));
  CHECK(generation(*rig) == before);  // an older transaction is open
  ear.take();
  early.run("COMMIT");
  REQUIRE(ear.wait_change(What::name, "shop.example"));
  CHECK(ear.take().size() == 1);
  CHECK(*generation(*rig) >= *before + 2);
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL feed: what changed while the connection was away is replayed") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  REQUIRE(rig.says("announces changes"));
  const auto lineage = ask(*rig, "shop.example").lineage;
  ear.take();
  with.cluster.stop();
  REQUIRE(ear.wait_live(false));
  with.cluster.start();
  Session(with.cluster.url()).run(kDisable);
  REQUIRE(ear.wait_live());
  REQUIRE(ear.wait_change(What::name, "shop.example"));
  CHECK_FALSE(has(ear.take(), What::everything));
  CHECK(rig.becomes("shop.example", AnswerStatus::found));
  CHECK(ask(*rig, "shop.example").lineage == lineage);

  // A log that was pruned past the last read cannot be replayed.
  Session session(with.cluster.url());
  session.run("BEGIN");
  session.run(kDisable);
  session.run(
      "DELETE FROM marquee.changes WHERE generation < "
      "(SELECT max(generation) FROM marquee.changes)");
  session.run("COMMIT");
  CHECK(ear.wait_change(What::everything));
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL feed: without triggers it is not live, until they come") {
  Rigged with(false);
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  CHECK(rig.says("has not all of Marquee's triggers"));
  CHECK(rig.says("marquee db migrate"));
  CHECK(rig.becomes("shop.example", AnswerStatus::found));
  CHECK(ask(*rig, "shop.example").generation == 0);
  CHECK(ear.wait_live(false));

  with.cluster.sql(Cluster::schema("attach_010_change_feed"));
  REQUIRE(ear.wait_live());
  CHECK(ear.wait_change(What::everything));  // who knows what went before
  ear.take();
  Session(with.cluster.url()).run(kDisable);
  CHECK(ear.wait_change(What::name, "shop.example"));
  REQUIRE(rig.says("announces changes"));

  with.cluster.sql(
      "DROP TRIGGER marquee_insert ON module_custom_domains;"
      "DROP TRIGGER marquee_update ON module_custom_domains;"
      "DROP TRIGGER marquee_delete ON module_custom_domains;"
      "DROP TRIGGER marquee_truncate ON module_custom_domains;");
  CHECK(ear.wait_live(false));
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL feed: a hundred thousand rows in one statement are one change") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  ear.take();
  Session session(with.cluster.url());
  session.run(
      "INSERT INTO domain_redirects (from_domain, to_domain) SELECT 'n' || i || '.example', "
      "'shop.example' FROM generate_series(1, 100000) i");
  CHECK(ear.wait_change(What::everything));
  CHECK(ear.take().size() == 1);
  // Their names come in pages, each of them once.
  std::size_t total = 0;
  std::string cursor;
  do {
    const auto page = names(*rig, cursor, 30'000);
    REQUIRE_MESSAGE(page.ok, page.failure.sentence);
    total += page.names.size();
    cursor = page.next;
  } while (!cursor.empty());
  CHECK(total == 100'024);
  rig->subscribe(nullptr);
}
