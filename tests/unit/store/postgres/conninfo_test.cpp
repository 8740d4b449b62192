#include "store/postgres/conninfo.hpp"

#include <doctest/doctest.h>

#include <map>

#include "store/postgres/backoff.hpp"

using namespace marquee::store::postgres;
using namespace std::chrono_literals;

namespace {

Conninfo parsed(const std::string& url) {
  std::string why;
  auto info = parse_conninfo(url, why);
  REQUIRE_MESSAGE(info, why);
  return *info;
}

std::map<std::string, std::string> parameters(const Conninfo& info) {
  return {info.parameters.begin(), info.parameters.end()};
}

}  // namespace

TEST_CASE("conninfo: hosts stand alone, addresses need no look-up") {
  const Conninfo info = parsed("postgresql://edge:se%40cret@db1.example:5433,192.0.2.7/platform");
  REQUIRE(info.hosts.size() == 2);
  CHECK(info.hosts[0].host == "db1.example");
  CHECK(needs_resolving(info.hosts[0]));
  CHECK(info.hosts[1].address == "192.0.2.7");
  CHECK_FALSE(needs_resolving(info.hosts[1]));
  auto given = parameters(info);
  CHECK(given["user"] == "edge");
  CHECK(given["password"] == "se@cret");
  CHECK(given["dbname"] == "platform");
  CHECK(given["client_encoding"] == "UTF8");
  CHECK_FALSE(given.contains("host"));
  CHECK(info.description.find("cret") == std::string::npos);
  CHECK(info.description.starts_with("postgres db1.example:5433,192.0.2.7"));
  CHECK_FALSE(needs_resolving(parsed("postgresql:///x?host=/run/postgresql").hosts[0]));
  CHECK_FALSE(needs_resolving(parsed("postgresql://[::1]:5432/x").hosts[0]));
}

TEST_CASE("conninfo: what the URL says stands before what Marquee adds, but for the encoding") {
  const Conninfo info = parsed(
      "postgresql://h/x?application_name=mine&gssencmode=prefer&connect_timeout=7&client_encoding="
      "LATIN1&sslmode=verify-full");
  auto given = parameters(info);
  CHECK(given["application_name"] == "mine");
  CHECK(given["gssencmode"] == "prefer");
  CHECK(given["sslmode"] == "verify-full");
  CHECK(given["client_encoding"] == "UTF8");
  CHECK(info.connect_timeout == 7s);
  CHECK_FALSE(given.contains("connect_timeout"));
  CHECK(parameters(parsed("postgresql://h/x"))["gssencmode"] == "disable");
}

TEST_CASE("conninfo: a URL that cannot be read is not repeated") {
  for (const std::string url :
       {"postgresql://u:hunter2@h:port,/x?nonsense=hunter2", "postgresql://u:hunter2@[::1/x",
        "postgresql://u:hunter2@a:1,b:2,c/x?hostaddr=192.0.2.1"}) {
    std::string why;
    CHECK_FALSE(parse_conninfo(url, why));
    CHECK(why.find("hunter2") == std::string::npos);
    CHECK(why.find("write") != std::string::npos);
  }
}

TEST_CASE("what libpq says becomes one short line") {
  CHECK(one_line("connection failed:\n\tdetail \x1b[2J\n") == "connection failed: detail [2J");
  CHECK(one_line("") == "no reason was given");
  CHECK(one_line(std::string(5000, 'x')).size() == 300);
}

TEST_CASE("back-off: doubles, is capped, spreads over half, and is quick after a loss") {
  const Backoff backoff{100ms, 10'000ms};
  for (std::uint64_t random : {0ull, 1ull, 49ull, 12345ull, ~0ull}) {
    CHECK(backoff_delay(backoff, 0, random) <= 50ms);
    std::chrono::milliseconds whole = 100ms;
    for (std::uint32_t failures = 1; failures < 40; ++failures) {
      const auto delay = backoff_delay(backoff, failures, random);
      CHECK(delay >= whole / 2);
      CHECK(delay <= whole);
      whole = std::min(whole * 2, 10'000ms);
    }
  }
  CHECK(backoff_delay(backoff, 1, 0) == 50ms);
  CHECK(backoff_delay(backoff, 1, 50) == 100ms);
  CHECK(backoff_delay(backoff, ~0u, 0) == 5'000ms);
  CHECK(backoff_delay({500ms, 100ms}, 9, 0) == 250ms);  // the first is the least cap
}
