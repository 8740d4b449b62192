#include "store/postgres/postgres_directory.hpp"

#include <doctest/doctest.h>

#include "../conformance.hpp"
#include "postgres_rig.hpp"
#include "session.hpp"

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
  routing::ListQuery nobody;
  nobody.agency = "not-a-uuid";
  CHECK(list(*rig, nobody).ok);
  CHECK(list(*rig, nobody).rows.empty());
  nobody.agency.clear();
  nobody.cursor = "0:not-a-uuid";
  CHECK(list(*rig, nobody).failure.source == base::FailureSource::client);
  CHECK(rig->description() == "postgres 127.0.0.1:" + cluster.port + "/marquee");
}

namespace {

struct Rigged {
  explicit Rigged(const std::string& flags = {}) : cluster(flags) {
    if (!cluster.installed) return;
    cluster.migrate();
    cluster.sql(sample_rows());
  }
  Cluster cluster;
};

}  // namespace

TEST_CASE("a database that is not there is unavailable at once") {
  PostgresRig rig("postgresql://user:hunter2@127.0.0.1:1/x");
  const auto answer = ask(*rig, "shop.example");
  CHECK(answer.status == AnswerStatus::unavailable);
  CHECK(answer.failure.sentence.find("127.0.0.1") != std::string::npos);
  CHECK(answer.failure.sentence.find("hunter2") == std::string::npos);
  CHECK_FALSE(generation(*rig));
  CHECK_FALSE(list(*rig, {}).ok);
}

TEST_CASE("PostgreSQL directory: a poisoned row harms only its own domain") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  Session session(with.cluster.url());
  const auto poison = [&](const std::string& assignment) {
    session.run("UPDATE module_custom_domains SET " + assignment +
                " WHERE domain = 'poisoned.example'");
  };
  PostgresRig rig(with.cluster.url());
  REQUIRE(rig.becomes("poisoned.example", AnswerStatus::found));
  for (const std::string& assignment :
       {std::string("config = jsonb_build_object('x', repeat('y', 30000000))"),
        std::string("white_label = to_jsonb(repeat('\"', 5000000))"),
        std::string("config = 'null', white_label = '7'"),
        std::string("config = NULL, white_label = NULL, status = NULL, ssl_status = NULL"),
        std::string("ssl_expires_at = 'infinity'"), std::string("ssl_expires_at = '-infinity'"),
        std::string("ssl_certificate = repeat('A', 20000000), ssl_private_key_encrypted = 'zz'"),
        std::string("ssl_certificate = '-----BEGIN CERTIFICATE-----', ssl_private_key_encrypted = "
                    "repeat('ab', 30)")}) {
    CAPTURE(assignment);
    poison(assignment);
    const auto answer = ask(*rig, "poisoned.example");
    REQUIRE(answer.status == AnswerStatus::found);
    CHECK_FALSE(answer.rows[0]->certificate.present);
    CHECK(ask(*rig, "shop.example").rows.at(0)->certificate.present);
    CHECK(list(*rig, {}).rows.size() == 24);
  }
  // Names that are none, beside good ones.
  session.run(
      "INSERT INTO domain_redirects (from_domain, to_domain) VALUES ('many.example', "
      "repeat('a.', 100000)), ('odd.example', E'x\\ny'), (repeat('b.', 900), 'shop.example')");
  CHECK_FALSE(ask(*rig, "many.example").rows.at(0)->redirect);
  CHECK_FALSE(ask(*rig, "odd.example").rows.at(0)->redirect);
  CHECK(rig.status.faulty_rows > 0);
  std::size_t rows = 0;
  routing::ListQuery query;
  query.limit = 5;
  do {
    const auto page = list(*rig, query);
    REQUIRE(page.ok);
    rows += page.rows.size();
    query.cursor = page.next;
  } while (!query.cursor.empty());
  CHECK(rows == 26);  // all but the one whose name is none
}

TEST_CASE("PostgreSQL directory: killed, it is unavailable; started again, it answers") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  REQUIRE(rig.becomes("shop.example", AnswerStatus::found));
  with.cluster.kill();
  REQUIRE(ear.wait_live(false));
  CHECK(rig.becomes("shop.example", AnswerStatus::unavailable));
  const auto down = ask(*rig, "nobody.example");
  CHECK(down.status == AnswerStatus::unavailable);  // and not absent
  CHECK(down.failure.source == base::FailureSource::dependency);
  CHECK(down.failure.sentence.find("postgres 127.0.0.1") != std::string::npos);
  CHECK_FALSE(list(*rig, {}).ok);
  CHECK_FALSE(names(*rig, "", 10).ok);
  CHECK_FALSE(generation(*rig));
  CHECK(certificate(*rig, "00000000-0000-4000-8000-000000000040").status ==
        routing::StoredCertificate::Status::unavailable);
  // Live again means that it answers: from then on nobody is sent away.
  for (int i = 0; i < 3; ++i) {
    with.cluster.start();
    REQUIRE(ear.wait_live());
    CHECK(ask(*rig, "shop.example").status == AnswerStatus::found);
    CHECK(ask(*rig, "nobody.example").status == AnswerStatus::absent);
    with.cluster.kill();
    REQUIRE(ear.wait_live(false));
    CHECK(rig.becomes("nobody.example", AnswerStatus::unavailable));
  }
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL directory: a server that hangs makes answers unavailable in time") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url(), 50ms, 500ms);
  Ear ear;
  rig->subscribe(&ear);
  REQUIRE(ear.wait_live());
  REQUIRE(rig.becomes("shop.example", AnswerStatus::found));
  with.cluster.pause();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(ask(*rig, "shop.example").status == AnswerStatus::unavailable);
  CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
  CHECK(ear.wait_live(false));
  // While it hangs, nobody waits for longer than that, however many ask.
  for (int i = 0; i < 5; ++i) {
    const auto again = std::chrono::steady_clock::now();
    CHECK(ask(*rig, "nobody.example").status == AnswerStatus::unavailable);
    CHECK(std::chrono::steady_clock::now() - again < 1500ms);
  }
  with.cluster.resume();
  CHECK(rig.becomes("shop.example", AnswerStatus::found));
  CHECK(ear.wait_live());
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL directory: a lock ends the question, not the connection") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  PostgresRig rig(with.cluster.url(), 50ms, 500ms);
  REQUIRE(rig.becomes("shop.example", AnswerStatus::found));
  const auto connects = rig.status.connects.load();
  {
    Session session(with.cluster.url());
    session.run("BEGIN");
    session.run("LOCK TABLE sites IN ACCESS EXCLUSIVE MODE");
    const auto locked = ask(*rig, "shop.example");
    CHECK(locked.status == AnswerStatus::unavailable);
    CHECK(locked.failure.sentence.find("statement timeout") != std::string::npos);
    session.run("ROLLBACK");
  }
  CHECK(ask(*rig, "shop.example").status == AnswerStatus::found);
  CHECK(rig.status.connects == connects);
}

TEST_CASE("PostgreSQL directory: a read-only server is as good as another") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  with.cluster.sql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();");
  PostgresRig rig(with.cluster.url());
  Ear ear;
  rig->subscribe(&ear);
  CHECK(ear.wait_live());
  CHECK(rig.becomes("shop.example", AnswerStatus::found));
  CHECK(rig.says("announces changes"));
  rig->subscribe(nullptr);
}

TEST_CASE("PostgreSQL directory: hosts of the URL in turn, names, Unix sockets") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  const std::string& port = with.cluster.port;
  for (const std::string& url :
       // Nobody listens on port 1, and ".invalid" has no address (RFC 6761).
       {"postgresql://marquee_test@127.0.0.1:1,127.0.0.1:" + port + "/marquee",
        "postgresql://marquee_test@localhost:" + port + "/marquee",
        "postgresql://marquee_test@/marquee?host=" + with.cluster.socket + "&port=" + port}) {
    CAPTURE(url);
    PostgresRig rig(url);
    CHECK(rig.becomes("shop.example", AnswerStatus::found));
  }
}

TEST_CASE("PostgreSQL directory: TLS, and a server that cannot prove its name") {
  Rigged with("--tls");
  MARQUEE_NEEDS(with.cluster);
  const std::string root = "&sslrootcert=" + with.cluster.root();
  {
    PostgresRig rig(with.cluster.url("?sslmode=verify-full" + root, "localhost"));
    CHECK(rig.becomes("shop.example", AnswerStatus::found));
  }
  {
    PostgresRig rig(with.cluster.url("?sslmode=verify-full" + root));  // 127.0.0.1
    CHECK(rig.says("does not match host name"));
    CHECK(ask(*rig, "shop.example").status == AnswerStatus::unavailable);
  }
  {
    PostgresRig rig(with.cluster.url("?sslmode=disable"));
    CHECK(rig.says("no encryption"));
    CHECK(ask(*rig, "shop.example").status == AnswerStatus::unavailable);
  }
}

TEST_CASE("PostgreSQL directory: row security that hides rows is an error, not an absence") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  with.cluster.sql(
      "CREATE ROLE edge LOGIN; GRANT USAGE ON SCHEMA public, marquee TO edge;"
      "GRANT SELECT ON ALL TABLES IN SCHEMA public, marquee TO edge;"
      "ALTER TABLE module_custom_domains ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE sites ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY members ON sites FOR SELECT USING (published);");
  const std::string url = with.cluster.url("", "127.0.0.1", "edge");
  {
    PostgresRig rig(url);
    CHECK(rig.says("row security hides rows of public.module_custom_domains, public.sites"));
    CHECK(ask(*rig, "shop.example").status == AnswerStatus::unavailable);
  }
  {
    PostgresRig rig(url + "?options=-c%20request.jwt.claims%3D%7B%22role%22:%22service_role%22%7D");
    // The claims are believed; the policies of this database do not look at them.
    CHECK(rig.becomes("shop.example", AnswerStatus::absent));
  }
  // Marquee's own role, with grants by column and policies of its own.
  with.cluster.sql(Cluster::schema("attach_020_role", "marquee_edge"));
  PostgresRig rig(with.cluster.url("", "127.0.0.1", "marquee_edge"));
  CHECK(rig.becomes("shop.example", AnswerStatus::found));
  CHECK(ask(*rig, "shop.example").rows.at(0)->faults.empty());
  CHECK(list(*rig, {}).rows.size() == 24);
  CHECK(rig.says("announces changes"));
}

TEST_CASE("PostgreSQL directory: a missing schema and a missing right are said in words") {
  Cluster cluster;
  MARQUEE_NEEDS(cluster);
  PostgresRig rig(cluster.url());
  CHECK(rig.says("the tables public.agencies, public.clients"));
  CHECK(ask(*rig, "shop.example").status == AnswerStatus::unavailable);
  cluster.migrate();
  CHECK(rig.becomes("shop.example", AnswerStatus::absent));
  cluster.sql("CREATE ROLE poor LOGIN; GRANT SELECT ON module_custom_domains TO poor;");
  PostgresRig other(cluster.url("", "127.0.0.1", "poor"));
  CHECK(other.says("permission denied for table"));
  CHECK(ask(*other, "shop.example").status == AnswerStatus::unavailable);
}

TEST_CASE("PostgreSQL directory: every question is answered once, in a flood and at the end") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  constexpr int kMany = 20'000;
  std::atomic<int> found = 0, unavailable = 0, absent = 0;
  {
    PostgresRig rig(with.cluster.url(), 50ms, 5s);
    REQUIRE(rig.becomes("shop.example", AnswerStatus::found));
    const auto keys = routing::keys_of(*base::parse_hostname("shop.example").name, "");
    for (int i = 0; i < kMany; ++i)
      rig->find(keys, [&](routing::DirectoryAnswer answer) {
        (answer.status == AnswerStatus::found         ? found
         : answer.status == AnswerStatus::unavailable ? unavailable
                                                      : absent)
            .fetch_add(1);
      });
    with.cluster.pause();
    rig.close();
    CHECK(found + unavailable == kMany);
  }
  CHECK(absent == 0);
  CHECK(unavailable > 0);
  with.cluster.resume();
}

TEST_CASE("PostgreSQL directory: no key is opened on the control thread") {
  Rigged with;
  MARQUEE_NEEDS(with.cluster);
  std::mutex mutex;
  std::vector<std::function<void()>> jobs;
  PostgresRig rig(with.cluster.url(), 50ms, 1000ms, [&](std::function<void()> job) {
    const std::lock_guard hold(mutex);
    jobs.push_back(std::move(job));
  });
  const auto job = [&] {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;; std::this_thread::sleep_for(1ms)) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      const std::lock_guard hold(mutex);
      if (jobs.empty()) continue;
      REQUIRE(jobs.size() == 1);
      return std::exchange(jobs, {}).front();
    }
  };
  // A row without a key waits for nobody.
  REQUIRE(rig.becomes("half.example", AnswerStatus::found));
  const auto find = [&] {
    auto promise = std::make_shared<std::promise<routing::DirectoryAnswer>>();
    rig->find(routing::keys_of(*base::parse_hostname("shop.example").name, ""),
              [promise](routing::DirectoryAnswer a) { promise->set_value(std::move(a)); });
    return promise->get_future();
  };
  const auto list = [&] {
    routing::ListQuery query;
    query.name = "shop.example";
    auto promise = std::make_shared<std::promise<routing::ListPage>>();
    rig->list(query, [promise](routing::ListPage p) { promise->set_value(std::move(p)); });
    return promise->get_future();
  };
  std::string row;
  const auto load = [&] {
    auto promise = std::make_shared<std::promise<routing::StoredCertificate>>();
    rig->load_certificate(routing::RecordKind::module_domain, row,
                          [promise](routing::StoredCertificate c) { promise->set_value(c); });
    return promise->get_future();
  };
  // Nothing is told before the job ran, and others are answered meanwhile.
  const auto after_its_job = [&](auto future) {
    const std::function<void()> opening = job();
    CHECK(ask(*rig, "half.example").status == AnswerStatus::found);
    CHECK(future.wait_for(0ms) == std::future_status::timeout);
    opening();
    return wait_for(std::move(future));
  };
  const auto found = after_its_job(find());
  REQUIRE(found.rows.size() == 1);
  CHECK(found.rows[0]->certificate.present);
  CHECK(found.generation > 0);
  row = found.rows[0]->row;
  const auto page = after_its_job(list());
  REQUIRE(page.rows.size() == 1);
  CHECK(page.rows[0].certificate.present);
  const auto certificate = after_its_job(load());
  CHECK(certificate.status == routing::StoredCertificate::Status::found);
  CHECK(decrypt(sample_key(), certificate.sealed) == certificate.key);

  // What is still being read when the directory ends is answered, once.
  auto last_found = find();
  auto last_loaded = load();
  std::vector<std::function<void()>> waiting;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (waiting.size() < 2) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(1ms);
    const std::lock_guard hold(mutex);
    for (auto& late : std::exchange(jobs, {})) waiting.push_back(std::move(late));
  }
  rig.close();
  REQUIRE(last_found.wait_for(0ms) == std::future_status::ready);
  CHECK(last_found.get().status == AnswerStatus::unavailable);
  REQUIRE(last_loaded.wait_for(0ms) == std::future_status::ready);
  CHECK(last_loaded.get().status == routing::StoredCertificate::Status::unavailable);
  for (const auto& late : waiting) late();
}
