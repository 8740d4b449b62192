#include "store/postgres/postgres_directory.hpp"

#include <doctest/doctest.h>

#include "../conformance.hpp"
#include "postgres_rig.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
using AnswerStatus = routing::DirectoryAnswer::Status;
using What = routing::Change::What;

TEST_CASE("PostgreSQL directory: the contract") {
  Cluster cluster;
  MARQUEE_NEEDS(cluster);
  cluster.migrate();
  PostgresRig rig(cluster.url());
  check_conformance(*rig, [&](const std::string& sql) { cluster.sql(sql); });
  CHECK(rig.says("announces changes"));
  CHECK(rig->description() == "postgres 127.0.0.1:" + cluster.port + "/marquee");
}
