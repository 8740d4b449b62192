// Runs against the database of MARQUEE_TEST_POSTGRES, which is empty but for
// `marquee db migrate`; tests/e2e/test_directory_postgres.py makes one.
#include "store/postgres_directory.hpp"

#include <doctest/doctest.h>
#include <libpq-fe.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <thread>

#include "conformance.hpp"
#include "directory_rig.hpp"

using namespace marquee;
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

TEST_CASE("PostgreSQL keeps the directory's contract") {
  const char* const address = std::getenv("MARQUEE_TEST_POSTGRES");
  if (!address) return;
  base::Logger logger;
  AdapterStatus status(logger);
  boost::asio::io_context io(1);
  auto guard = boost::asio::make_work_guard(io);
  PostgresDirectory::Options options;
  std::string error;
  options.url = *PostgresUrl::parse(address, error);
  options.sites_base = "sites.example.com";
  options.key = sample_key();
  auto directory = std::make_unique<PostgresDirectory>(io, options, status);
  std::thread thread([&] { io.run(); });
  PGconn* const writer = PQconnectdb(address);
  REQUIRE(PQstatus(writer) == CONNECTION_OK);
  check_conformance(*directory, [&](const std::string& sql) {
    PGresult* const result = PQexec(writer, sql.c_str());
    const auto code = PQresultStatus(result);
    CHECK_MESSAGE((code == PGRES_COMMAND_OK || code == PGRES_TUPLES_OK), PQerrorMessage(writer));
    PQclear(result);
  });
  PQfinish(writer);
  CHECK(status.words().find("announces") != std::string::npos);
  boost::asio::post(io, [&] {
    directory.reset();
    guard.reset();
  });
  thread.join();
}

TEST_CASE("a database that is not there is unavailable at once") {
  base::Logger logger;
  AdapterStatus status(logger);
  boost::asio::io_context io(1);
  auto guard = boost::asio::make_work_guard(io);
  PostgresDirectory::Options options;
  std::string error;
  // A port that is bound and not listened on refuses.
  options.url = *PostgresUrl::parse("postgresql://user:hunter2@127.0.0.1:1/x", error);
  auto directory = std::make_unique<PostgresDirectory>(io, options, status);
  std::thread thread([&] { io.run(); });
  const auto answer = ask(*directory, "shop.example");
  CHECK(answer.status == routing::DirectoryAnswer::Status::unavailable);
  CHECK(answer.failure.sentence.find("127.0.0.1") != std::string::npos);
  CHECK(answer.failure.sentence.find("hunter2") == std::string::npos);
  CHECK_FALSE(generation(*directory));
  CHECK_FALSE(list(*directory, {}).ok);
  boost::asio::post(io, [&] {
    directory.reset();
    guard.reset();
  });
  thread.join();
}
