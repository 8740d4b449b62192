// Calls of modules' APIs in real databases: SQLite, a PostgreSQL of Marquee's own, and
// one of the platform's shape.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "directory_rig.hpp"
#include "postgres/postgres_rig.hpp"
#include "postgres/session.hpp"
#include "store/postgres/postgres_call_book.hpp"
#include "store/sqlite_call_book.hpp"
#include "store/sqlite_migration.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
using identity::ApiCall;
using identity::AuthType;
using identity::CallBatch;
using identity::CallBook;
using identity::Use;
using Status = CallBook::Written::Status;

namespace {

// By what follows "...0000": agency 1, client 2, site 3, module 4, installation 5,
// key 6, consumer 7, user 8, route 9.
std::string id(int n) { return "00000000-0000-4000-8000-0000000" + std::to_string(10'000 + n); }
constexpr std::int64_t kTime = 1'800'000'000'123;  // 2027-01-15 08:00:00.123 UTC

std::string rows() {
  return "INSERT INTO agencies (id, name) VALUES ('" + id(1) + "', 'a');" +
         "INSERT INTO clients (id, agency_id, name) VALUES ('" + id(2) + "', '" + id(1) +
         "', 'c');" + "INSERT INTO sites (id, client_id, agency_id, name, subdomain) VALUES ('" +
         id(3) + "', '" + id(2) + "', '" + id(1) + "', 's', 'calls');" +
         "INSERT INTO site_module_installations (id, site_id, module_id) VALUES ('" + id(5) +
         "', '" + id(3) + "', '" + id(4) + "');" +
         "INSERT INTO module_api_keys (id, module_id, site_id, agency_id, key_prefix, key_hash) "
         "VALUES ('" +
         id(6) + "', '" + id(4) + "', '" + id(3) + "', '" + id(1) + "', 'dmc_live_000', 'h');" +
         "INSERT INTO module_api_consumers (id, site_module_installation_id, api_key) VALUES ('" +
         id(7) + "', '" + id(5) + "', 'dk_x');";
}

ApiCall call(AuthType auth, const std::string& path) {
  ApiCall out;
  out.at_ms = kTime;
  out.auth = auth;
  out.status = 200;
  out.milliseconds = 12;
  out.module = id(4);
  out.site = id(3);
  out.installation = id(5);
  out.route = id(9);
  out.method = "GET";
  out.path = path;
  out.client = "2001:db8::1";
  out.user_agent = "it's \"quoted\" \xc3\xa9";
  if (auth == AuthType::api_key) out.api_key = id(6);
  if (auth == AuthType::consumer) out.consumer = id(7);
  if (auth == AuthType::jwt || auth == AuthType::forward) out.user = id(8);
  return out;
}

// One of each kind, and one that was refused.
CallBatch sample() {
  CallBatch out;
  for (const AuthType auth : {AuthType::jwt, AuthType::api_key, AuthType::consumer, AuthType::embed,
                              AuthType::forward, AuthType::none})
    out.calls.push_back(call(auth, "/" + std::string(name(auth))));
  ApiCall refused = call(AuthType::none, "/refused");
  refused.status = 401;
  refused.error = "unauthenticated";
  refused.route.clear();
  out.calls.push_back(refused);
  out.uses = {{Use::Of::api_key, id(6), 3, kTime}, {Use::Of::consumer, id(7), 2, kTime}};
  return out;
}

CallBook::Written answer(const std::function<void(std::function<void(CallBook::Written)>)>& start) {
  const auto promise = std::make_shared<std::promise<CallBook::Written>>();
  start([promise](CallBook::Written w) { promise->set_value(std::move(w)); });
  return wait_for(promise->get_future());
}

struct SqliteRig {
  SqliteRig() {
    char name[] = "/tmp/marquee-calls-XXXXXX";
    folder = ::mkdtemp(name);
    std::string error;
    other = SqliteDatabase::open(folder + "/d.sqlite", SqliteDatabase::Mode::create, 5s, error);
    REQUIRE(error.empty());
    REQUIRE(migrate_sqlite(*other).error.empty());
    run(rows());
    book = std::make_unique<SqliteCallBook>(SqliteCallBook::Options{folder + "/d.sqlite", 50ms});
  }
  ~SqliteRig() {
    book.reset();
    other.reset();
    std::filesystem::remove_all(folder);
  }
  void run(const std::string& sql) {
    const std::string error = other->run(sql);
    REQUIRE_MESSAGE(error.empty(), error);
  }
  std::string value(const std::string& sql) { return other->value(sql).value_or("NULL"); }
  CallBook::Written write(const CallBatch& batch) {
    return answer([&](auto done) { book->write(batch, done); });
  }
  std::string folder;
  std::unique_ptr<SqliteDatabase> other;
  std::unique_ptr<SqliteCallBook> book;
};

// A book on a control thread of its own.
struct PostgresBook {
  explicit PostgresBook(const std::string& url)
      : book(make_postgres_call_book(io, url, 1000ms)), thread([this] { io.run(); }) {
    REQUIRE(book);
  }
  ~PostgresBook() {
    std::promise<void> done;
    boost::asio::post(io, [&] {
      book.reset();
      done.set_value();
    });
    done.get_future().wait();
    work.reset();
    io.stop();
    thread.join();
  }
  CallBook::Written write(const CallBatch& batch) {
    return answer([&](auto done) {
      boost::asio::post(io, [this, &batch, done] { book->write(batch, done); });
    });
  }
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      boost::asio::make_work_guard(io)};
  std::unique_ptr<CallBook> book;
  std::thread thread;
};

const std::string kFeeds[] = {"attach_014_access_feed", "attach_033_consumer_feed",
                              "attach_038_record_calls"};

// As `db migrate` does on a bare database.
struct OwnDatabase {
  OwnDatabase() {
    if (!cluster.installed) return;
    cluster.migrate();
    for (const char* step :
         {"006_context_keys", "007_tenant", "008_access", "032_api_consumers", "036_api_calls"})
      cluster.sql(Cluster::schema(step));
    for (const std::string& step : kFeeds) cluster.sql(Cluster::schema(step));
    for (const char* step :
         {"attach_020_role", "attach_028_access_role", "attach_039_record_calls_role"})
      cluster.sql(Cluster::schema(step, "marquee_edge"));
    cluster.sql(rows());
    session = std::make_unique<Session>(cluster.url());
    session->run("SET timezone = 'UTC'");
  }
  std::string value(const std::string& sql) { return session->run(sql); }
  Cluster cluster;
  std::unique_ptr<Session> session;
};

// The platform's tables as they are in its own migrations.
struct PlatformDatabase {
  PlatformDatabase() {
    if (!cluster.installed) return;
    for (const char* file : {"platform_schema", "platform_api_tables"}) {
      std::ifstream in(Cluster::tests() + "/e2e/harness/" + file + ".sql");
      REQUIRE(in);
      cluster.sql(std::string(std::istreambuf_iterator<char>(in), {}));
    }
    for (const char* step : {"001_marquee", "036_api_calls", "attach_010_change_feed"})
      cluster.sql(Cluster::schema(step));
    for (const std::string& step : kFeeds) cluster.sql(Cluster::schema(step));
    for (const char* step : {"attach_020_role", "attach_039_record_calls_role"})
      cluster.sql(Cluster::schema(step, "marquee_edge"));
    cluster.sql(rows());
    cluster.sql("INSERT INTO auth.users VALUES ('" + id(8) + "')");
    session = std::make_unique<Session>(cluster.url());
  }
  std::string value(const std::string& sql) { return session->run(sql); }
  Cluster cluster;
  std::unique_ptr<Session> session;
};

}  // namespace

TEST_CASE("sqlite call book: rows and counters") {
  SqliteRig rig;
  rig.run("DELETE FROM marquee_changes");
  const auto written = rig.write(sample());
  REQUIRE_MESSAGE(written.status == Status::written, written.sentence);
  CHECK(written.left_out == 0);
  CHECK(
      rig.value("SELECT group_concat(auth_type || path || coalesce(api_key_id, '') || "
                "coalesce(user_id, ''), ' ') FROM (SELECT * FROM module_api_logs ORDER BY path)") ==
      "api_key/api_key" + id(6) + " embed/embed forward/forward" + id(8) + " jwt/jwt" + id(8) +
          " none/none none/refused");
  CHECK(rig.value("SELECT module_id || site_id || route_id || method || status_code || "
                  "response_time_ms || ip_address || user_agent || created_at FROM module_api_logs "
                  "WHERE path = '/jwt'") == id(4) + id(3) + id(9) + "GET20012" +
                                                "2001:db8::1it's \"quoted\" \xc3\xa9" +
                                                "2027-01-15T08:00:00.123Z");
  CHECK(rig.value("SELECT typeof(status_code) || status_code || error_message || "
                  "(route_id IS NULL) FROM module_api_logs WHERE path = '/refused'") ==
        "integer401unauthenticated1");
  CHECK(rig.value("SELECT consumer_id || site_module_installation_id || path || created_at FROM "
                  "module_api_requests") == id(7) + id(5) + "/consumer2027-01-15T08:00:00.123Z");
  CHECK(rig.value("SELECT typeof(request_count) || request_count || last_used_at FROM "
                  "module_api_keys") == "integer32027-01-15T08:00:00.123Z");
  CHECK(rig.value("SELECT total_requests || last_request_at FROM module_api_consumers") ==
        "22027-01-15T08:00:00.123Z");
  CallBatch more;
  more.uses = {{Use::Of::api_key, id(6), 4, kTime - 5000}, {Use::Of::consumer, "gone", 1, 1}};
  REQUIRE(rig.write(more).status == Status::written);
  CHECK(rig.value("SELECT request_count || last_used_at FROM module_api_keys") ==
        "72027-01-15T08:00:00.123Z");
  CHECK(rig.value("SELECT count(*) FROM marquee_changes") == "0");
}

TEST_CASE("sqlite call book: what is gone takes only its own rows along") {
  SqliteRig rig;
  CallBatch batch = sample();
  batch.calls[0].site = id(99);
  batch.calls[2].consumer = id(99);
  rig.run("DELETE FROM module_api_keys");  // its call stays
  const auto written = rig.write(batch);
  REQUIRE_MESSAGE(written.status == Status::written, written.sentence);
  CHECK(written.left_out == 2);
  CHECK(rig.value("SELECT count(*) FROM module_api_logs") == "5");
  CHECK(rig.value("SELECT count(*) FROM module_api_requests") == "0");
}

TEST_CASE("sqlite call book: old rows go, new ones stay") {
  SqliteRig rig;
  rig.run("INSERT INTO module_api_logs (module_id, site_id, path, created_at) VALUES ('m', '" +
          id(3) + "', '/old', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-31 days')), ('m', '" + id(3) +
          "', '/new', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-29 days'))");
  rig.run("INSERT INTO module_api_requests (consumer_id, path, created_at) VALUES ('" + id(7) +
          "', '/old', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-31 days')), ('" + id(7) +
          "', '/new', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-29 days'))");
  REQUIRE(rig.write({}).status == Status::written);
  CHECK(rig.value("SELECT group_concat(path) FROM module_api_logs") == "/new");
  CHECK(rig.value("SELECT group_concat(path) FROM module_api_requests") == "/new");
}

TEST_CASE("sqlite call book: a file that is locked or not there is unavailable, and comes back") {
  SqliteRig rig;
  rig.run("BEGIN IMMEDIATE");
  auto written = rig.write(sample());
  CHECK(written.status == Status::unavailable);
  CHECK(written.sentence.find("locked") != std::string::npos);
  rig.run("ROLLBACK");
  CHECK(rig.write(sample()).status == Status::written);
  CHECK(rig.value("SELECT count(*) FROM module_api_logs") == "6");
  SqliteCallBook nowhere({rig.folder + "/none.sqlite"});
  const auto batch = sample();
  written = answer([&](auto done) { nowhere.write(batch, done); });
  CHECK(written.status == Status::unavailable);
  CHECK_FALSE(std::filesystem::exists(rig.folder + "/none.sqlite"));
}

TEST_CASE("PostgreSQL call book: rows and counters, written by the nodes' role") {
  OwnDatabase own;
  MARQUEE_NEEDS(own.cluster);
  own.value("DELETE FROM marquee.changes");
  PostgresBook book(own.cluster.url("", "127.0.0.1", "marquee_edge"));
  const auto written = book.write(sample());
  REQUIRE_MESSAGE(written.status == Status::written, written.sentence);
  CHECK(written.left_out == 0);
  CHECK(own.value("SELECT string_agg(auth_type || path || coalesce(api_key_id::text, '') || "
                  "coalesce(user_id::text, ''), ' ' ORDER BY path) FROM module_api_logs") ==
        "api_key/api_key" + id(6) + " embed/embed forward/forward" + id(8) + " jwt/jwt" + id(8) +
            " none/none none/refused");
  CHECK(own.value("SELECT concat(module_id, site_id, route_id, method, status_code, "
                  "response_time_ms, ip_address, user_agent, created_at) FROM module_api_logs "
                  "WHERE path = '/jwt'") == id(4) + id(3) + id(9) + "GET20012" +
                                                "2001:db8::1it's \"quoted\" \xc3\xa9" +
                                                "2027-01-15 08:00:00.123+00");
  CHECK(own.value("SELECT concat(status_code, error_message, route_id) FROM module_api_logs WHERE "
                  "path = '/refused'") == "401unauthenticated");
  CHECK(own.value("SELECT concat(consumer_id, site_module_installation_id, path, ip_address, "
                  "created_at) FROM module_api_requests") ==
        id(7) + id(5) + "/consumer" + "2001:db8::1" + "2027-01-15 08:00:00.123+00");
  CHECK(own.value("SELECT concat(request_count, last_used_at) FROM module_api_keys") ==
        "32027-01-15 08:00:00.123+00");
  CHECK(own.value("SELECT concat(total_requests, last_request_at) FROM module_api_consumers") ==
        "22027-01-15 08:00:00.123+00");
  CallBatch more;
  more.uses = {{Use::Of::api_key, id(6), 4, kTime - 5000}, {Use::Of::consumer, "no uuid", 1, 1}};
  REQUIRE(book.write(more).status == Status::written);
  CHECK(own.value("SELECT concat(request_count, last_used_at) FROM module_api_keys") ==
        "72027-01-15 08:00:00.123+00");
  CHECK(own.value("SELECT count(*) FROM marquee.changes") == "0");
}

TEST_CASE("PostgreSQL call book: old rows of Marquee's own tables go, in bites") {
  OwnDatabase own;
  MARQUEE_NEEDS(own.cluster);
  own.value("INSERT INTO module_api_logs (module_id, site_id, path, created_at) SELECT '" + id(4) +
            "', '" + id(3) +
            "', '/' || d, now() - d * interval '1 day' FROM generate_series(28, 31) d, "
            "generate_series(1, 300)");
  own.value("INSERT INTO module_api_requests (consumer_id, path, created_at) SELECT '" + id(7) +
            "', '/' || d, now() - d * interval '1 day' FROM generate_series(28, 31) d");
  PostgresBook book(own.cluster.url("", "127.0.0.1", "marquee_edge"));
  REQUIRE(book.write({}).status == Status::written);
  CHECK(own.value("SELECT count(*) FROM module_api_logs") == "700");
  REQUIRE(book.write({}).status == Status::written);
  CHECK(own.value("SELECT count(*) || max(path) FROM module_api_logs") == "600/29");
  CHECK(own.value("SELECT count(*) || max(path) FROM module_api_requests") == "2/29");
}

TEST_CASE("PostgreSQL call book: the nodes' role has no other way to these tables") {
  OwnDatabase own;
  MARQUEE_NEEDS(own.cluster);
  for (const char* sql :
       {"INSERT INTO module_api_logs (module_id, site_id) VALUES (gen_random_uuid(), "
        "gen_random_uuid())",
        "SELECT count(*) FROM module_api_logs", "SELECT count(*) FROM module_api_requests",
        "UPDATE module_api_keys SET request_count = 0",
        "SELECT marquee.insert_calls('module_api_logs', '{}', '[]')",
        "SELECT marquee.count_uses('module_api_keys', 'request_count', 'last_used_at', '[]')"})
    CHECK_MESSAGE(own.value("SELECT 1; DO $$ BEGIN SET LOCAL ROLE marquee_edge; EXECUTE $q$" +
                            std::string(sql) +
                            "$q$; RAISE 'went through'; EXCEPTION WHEN insufficient_privilege THEN "
                            "NULL; END $$") == "",
                  sql);
  own.cluster.sql("CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA marquee TO stranger");
  PostgresBook stranger(own.cluster.url("", "127.0.0.1", "stranger"));
  const auto written = stranger.write(sample());
  CHECK(written.status == Status::unavailable);
  CHECK(written.sentence.find("marquee db migrate") != std::string::npos);
}

TEST_CASE(
    "PostgreSQL call book: a database without the function, or that is down, is unavailable") {
  Cluster cluster;
  MARQUEE_NEEDS(cluster);
  PostgresBook book(cluster.url());
  auto written = book.write(sample());
  CHECK(written.status == Status::unavailable);
  CHECK(written.sentence.find("marquee db migrate") != std::string::npos);
  cluster.stop();
  written = book.write(sample());
  CHECK(written.status == Status::unavailable);
  CHECK(written.sentence.find(id(6)) == std::string::npos);
}

TEST_CASE("PostgreSQL call book: on the platform's tables a row's fault is its own") {
  PlatformDatabase platform;
  MARQUEE_NEEDS(platform.cluster);
  platform.value("DELETE FROM marquee.changes");
  CallBatch batch = sample();
  batch.calls.push_back(call(AuthType::jwt, "/foreign"));
  batch.calls.back().user = id(77);  // not of auth.users
  batch.calls.push_back(call(AuthType::api_key, "/deleted"));
  batch.calls.back().api_key = id(66);
  batch.calls.push_back(call(AuthType::jwt, "/subject"));
  batch.calls.back().user = "auth0|1";  // no uuid
  batch.calls.push_back(call(AuthType::none, "/nowhere"));
  batch.calls.back().site = id(99);
  batch.calls.push_back(call(AuthType::consumer, "/stranger"));
  batch.calls.back().consumer = id(98);
  batch.calls.push_back(call(AuthType::none, "/address"));
  batch.calls.back().client = "unix:";
  PostgresBook book(platform.cluster.url("", "127.0.0.1", "marquee_edge"));
  const auto written = book.write(batch);
  REQUIRE_MESSAGE(written.status == Status::written, written.sentence);
  CHECK(written.left_out == 2);  // of /nowhere and /stranger
  CHECK(platform.value("SELECT string_agg(concat(path, ':', auth_type, right(api_key_id::text, 1), "
                       "right(user_id::text, 1)), ' ' ORDER BY path) FROM module_api_logs") ==
        "/address:none /api_key:api_key6 /deleted:api_key /embed:none /foreign:jwt /forward:none8 "
        "/jwt:jwt8 /none:none /refused:none /subject:jwt");
  CHECK(platform.value("SELECT concat(endpoint, method, status_code, response_time_ms, "
                       "ip_address) FROM module_api_requests") == "/consumerGET200122001:db8::1");
  CHECK(platform.value("SELECT concat(request_count, ' ', last_used_at = "
                       "'2027-01-15T08:00:00.123Z') FROM module_api_keys") == "3 t");
  CHECK(platform.value("SELECT total_requests FROM module_api_consumers") == "2");
  platform.value("UPDATE module_api_keys SET request_count = 2147483646");
  platform.value("UPDATE module_api_logs SET created_at = now() - interval '40 days'");
  CallBatch more;
  more.uses = batch.uses;
  REQUIRE(book.write(more).status == Status::written);
  CHECK(platform.value("SELECT request_count FROM module_api_keys") == "2147483647");
  CHECK_MESSAGE(platform.value("SELECT count(*) FROM module_api_logs") == "10",
                "the platform's rows are the platform's");
  CHECK(platform.value("SELECT count(*) FROM marquee.changes") == "0");
}

TEST_CASE("PostgreSQL call book: tables and columns that are not there are left out") {
  PlatformDatabase platform;
  MARQUEE_NEEDS(platform.cluster);
  platform.value("DROP TABLE module_api_requests");
  platform.value("ALTER TABLE module_api_logs DROP COLUMN error_message, DROP COLUMN user_agent");
  platform.value("ALTER TABLE module_api_keys DROP COLUMN last_used_at");
  PostgresBook book(platform.cluster.url("", "127.0.0.1", "marquee_edge"));
  const auto written = book.write(sample());
  REQUIRE_MESSAGE(written.status == Status::written, written.sentence);
  CHECK(written.left_out == 1);  // the consumer's
  CHECK(platform.value("SELECT count(*) FROM module_api_logs") == "6");
  CHECK(platform.value("SELECT request_count FROM module_api_keys") == "3");
}
