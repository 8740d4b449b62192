#include "admin/status_page.hpp"

#include <doctest/doctest.h>

#include "admin/status_json.hpp"

using namespace marquee::admin;
using namespace std::chrono_literals;

namespace {

Status example() {
  Status s;
  s.version = "0.1.0";
  s.pid = 4242;
  s.started = WallTime{1795226116s};
  s.uptime = 11'530s;
  s.state = ServerState::serving;
  s.workers = 2;
  s.listeners = {{"0.0.0.0:8443", "0.0.0.0:8443", "https"},
                 {"127.0.0.1:0", "127.0.0.1:40123", "http"}};
  s.settings_file = "/etc/marquee/marquee.yaml";
  s.last_reload = {true, true, WallTime{1795227000s}, 12ms, {}};
  s.snapshots_alive = 1;
  s.connections = 1;
  s.directory = {"postgres db:5432/platform",
                 "postgres db:5432/platform is connected; it\x1b announces changes",
                 true,
                 std::chrono::milliseconds(1000),
                 7,
                 1200};
  s.overload = {120u << 20, 3'600ull << 20, 100'000, 65'536, {}, {{"connections", 0}}, 0};
  s.upstream_connections = 4;
  s.requests = {{"2xx", 1'234'567}, {"4xx", 20}};
  s.upstreams = {{"bakery", "http://127.0.0.1:9100", "up", 0, 3},
                 {"a", "https://render.internal", "ejected", 1200, 0}};
  s.certificates_loaded = 2;
  s.certificates = {{"bakery.localhost", "internal", WallTime{1800000000s}}};
  s.log_written = 1;
  return s;
}

}  // namespace

TEST_CASE("the page of a serving Marquee") {
  const auto page = status_page(status_json(example()));
  REQUIRE(page);
  CHECK(*page ==
        "Marquee 0.1.0, serving for 3 h 12 min (pid 4242, 2 workers)\n"
        "\n"
        "Started       2026-11-21T01:55:16Z\n"
        "Settings      /etc/marquee/marquee.yaml\n"
        "Last reload   2026-11-21T02:10:00Z, took 12 ms\n"
        "Listening     https on 0.0.0.0:8443\n"
        "              http on 127.0.0.1:40123 (settings: 127.0.0.1:0)\n"
        "Connections   1 client, 4 upstreams, 0 requests under way\n"
        "Requests      2xx 1,234,567   4xx 20\n"
        "Memory        120 MiB of 3,600 MiB\n"
        "Directory     postgres db:5432/platform is connected; it? announces changes\n"
        "              1,200 names known\n"
        "\n"
        "Upstreams\n"
        "  POOL    ENDPOINT                 STATE    FAILURES  CONNECTIONS\n"
        "  bakery  http://127.0.0.1:9100    up       0         3\n"
        "  a       https://render.internal  ejected  1,200     0\n"
        "\n"
        "Certificates  2 loaded\n"
        "  EXPIRES               ISSUER    NAMES\n"
        "  2027-01-15T08:00:00Z  internal  bakery.localhost\n"
        "Access log    1 record written, 0 lost\n");
}

TEST_CASE("a failed reload, a drain, lost records and hostile text are said in words") {
  Status s = example();
  s.state = ServerState::draining;
  s.last_reload = {
      true, false, WallTime{1795227000s}, 1ms, {"marquee.yaml:3:5: unknown key `hosst`"}};
  s.snapshots_alive = 2;
  s.overload.reasons = {"memory", "descriptors"};
  s.overload.refused = {{"connections", 0}, {"memory", 12}};
  s.overload.accept_pauses = 1;
  s.log_lost = 7;
  s.log_error = "No space left on device";
  s.upstreams[0].pool = "evil\x1b[2J";
  const auto page = status_page(status_json(s));
  REQUIRE(page);
  CHECK(page->find("draining: no new connections") != std::string::npos);
  CHECK(page->find("FAILED: the settings before it stay in force\n"
                   "              marquee.yaml:3:5: unknown key `hosst`\n") != std::string::npos);
  CHECK(page->find("OVERLOADED    no new connections: memory, descriptors\n"
                   "Refused       memory 12\n"
                   "Accepting     paused 1 time for want of descriptors\n") != std::string::npos);
  CHECK(page->find("2 versions") != std::string::npos);
  CHECK(page->find("1 record written, 7 lost (No space left on device)") != std::string::npos);
  CHECK(page->find('\x1b') == std::string::npos);
}

TEST_CASE("what is not a status gives no page; an empty one does not fail") {
  CHECK(!status_page("not json"));
  CHECK(!status_page("[]"));
  CHECK(status_page("{}"));
  CHECK(status_page(
      R"({"workers":"x","listeners":[1,null],"last_reload":3,"requests":{"2xx":null}})"));
}

TEST_CASE("durations in words") {
  CHECK(duration_words(0) == "0 ms");
  CHECK(duration_words(999) == "999 ms");
  CHECK(duration_words(1000) == "1 s");
  CHECK(duration_words(61'000) == "1 min 1 s");
  CHECK(duration_words(90'000'000) == "1 d 1 h");
}
