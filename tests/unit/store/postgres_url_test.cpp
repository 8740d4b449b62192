#include "store/postgres_url.hpp"

#include <doctest/doctest.h>

using namespace marquee::store;

TEST_CASE("a URL is taken apart, and shown without its password") {
  std::string error;
  const auto url = PostgresUrl::parse(
      "postgresql://user:hunter2@db1:5433,db2:5434/platform?sslmode=verify-full", error);
  REQUIRE(url);
  REQUIRE(url->hosts.size() == 2);
  CHECK(url->hosts[1].host == "db2");
  CHECK(url->hosts[1].port == "5434");
  CHECK(url->shown() == "postgres db1:5433,db2:5434/platform");
  const auto one = PostgresUrl::parse("postgresql://db/x", error);
  REQUIRE(one);
  CHECK(one->hosts[0].port == "5432");
  CHECK_FALSE(PostgresUrl::parse("postgresql://u:hunter2@h:port:x/x?nonsense=1", error));
  CHECK(error.find("hunter2") == std::string::npos);
}
