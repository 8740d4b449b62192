#include "store/sqlite_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "conformance.hpp"
#include "directory_rig.hpp"
#include "store/embedded.hpp"
#include "store/lookup_sql.hpp"
#include "store/sqlite_migration.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using AnswerStatus = routing::DirectoryAnswer::Status;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/marquee-store-XXXXXX";
    REQUIRE(mkdtemp(name));
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::string file() const { return (path / "directory.sqlite").string(); }
  fs::path path;
};

SqliteDirectory::Options options(const Folder& folder) {
  SqliteDirectory::Options out;
  out.path = folder.file();
  out.sites_base = "sites.example.com";
  out.key = sample_key();
  out.poll_interval = 20ms;
  return out;
}

void run(const std::string& path, const std::string& sql) {
  std::string error;
  const auto database = SqliteDatabase::open(path, SqliteDatabase::Mode::write, 10s, error);
  REQUIRE_MESSAGE(database, error);
  error = database->run(sql);
  REQUIRE_MESSAGE(error.empty(), error);
}

void wait_open(routing::DomainDirectory& directory) {
  REQUIRE(ask(directory, "any.example").status == AnswerStatus::absent);
}

struct Rig {
  Folder folder;
  base::Logger logger;
  AdapterStatus status{logger};
};

}  // namespace

TEST_CASE("SQLite keeps the directory's contract") {
  Rig rig;
  SqliteDirectory directory(options(rig.folder), rig.status);
  check_conformance(directory, [&](const std::string& sql) { run(rig.folder.file(), sql); });
  CHECK(rig.status.faulty_rows.load() > 0);
}

TEST_CASE("a migration is carried out once, and a newer one is not touched") {
  Folder folder;
  std::string error;
  const auto database =
      SqliteDatabase::open(folder.file(), SqliteDatabase::Mode::create, 1s, error);
  REQUIRE(database);
  const Migration first = migrate_sqlite(*database);
  CHECK_MESSAGE(first.error.empty(), first.error);
  const auto files = embedded_files();
  CHECK(static_cast<std::ptrdiff_t>(first.done.size()) ==
        std::count_if(files.begin(), files.end(),
                      [](const EmbeddedFile& f) { return f.name.starts_with("sqlite_"); }));
  CHECK(migrate_sqlite(*database).done.empty());
  REQUIRE(database->run("INSERT INTO marquee_schema_steps (number, name) VALUES (999, 'x')") == "");
  CHECK(migrate_sqlite(*database).error.find("newer") != std::string::npos);
}

TEST_CASE("the platform's functions are views of their names") {
  Folder folder;
  std::string error;
  const auto database =
      SqliteDatabase::open(folder.file(), SqliteDatabase::Mode::create, 1s, error);
  REQUIRE(database);
  REQUIRE(migrate_sqlite(*database).error.empty());
  REQUIRE(database->run(sample_rows()) == "");
  CHECK(database->value("SELECT count(*) FROM get_module_by_domain WHERE p_domain = "
                        "'shop.example'") == "1");
  CHECK(database->value("SELECT count(*) FROM get_module_by_domain WHERE p_domain = "
                        "'pending.example'") == "0");
  CHECK(database->value("SELECT count(*) FROM get_domains_for_ssl_renewal WHERE days_left < 30") ==
        "0");
  REQUIRE(database->run("INSERT INTO increment_domain_stats (p_domain_id, p_requests, p_bytes) "
                        "SELECT id, 3, 4000000000 FROM module_custom_domains WHERE domain = "
                        "'shop.example'") == "");
  CHECK(database->value("SELECT total_requests || ' ' || bandwidth_bytes FROM "
                        "module_custom_domains WHERE domain = 'shop.example'") == "3 4000000000");
}

TEST_CASE("a proof counts for the owner that it was made for") {
  Rig rig;
  SqliteDirectory directory(options(rig.folder), rig.status);
  wait_open(directory);
  run(rig.folder.file(), sample_rows());
  const auto proven = [&] { return ask(directory, "shop.example").rows.at(0)->proven; };
  CHECK_FALSE(proven());
  run(rig.folder.file(),
      "INSERT INTO marquee_proofs (record_kind, record_id, domain, owner, method) SELECT "
      "'module_domain', id, domain, site_module_installation_id, 'txt' FROM "
      "module_custom_domains WHERE domain = 'shop.example'");
  CHECK(proven());
  run(rig.folder.file(),
      "UPDATE module_custom_domains SET site_module_installation_id = (SELECT id FROM "
      "site_module_installations WHERE is_enabled = false) WHERE domain = 'shop.example'");
  CHECK_FALSE(proven());
}

TEST_CASE("wildcard rows cover one label") {
  Rig rig;
  SqliteDirectory directory(options(rig.folder), rig.status);
  wait_open(directory);
  run(rig.folder.file(), sample_rows());
  Ear ear;
  directory.subscribe(&ear);
  REQUIRE(ear.wait_live());
  run(rig.folder.file(),
      "INSERT INTO module_custom_domains (id, site_module_installation_id, domain, status) SELECT "
      "'wild', site_module_installation_id, '*.wild.example', 'active' FROM "
      "module_custom_domains WHERE domain = 'shop.example'");
  CHECK(ear.wait_change(routing::Change::What::name, "*.wild.example"));
  const auto found = ask(directory, "a.wild.example");
  REQUIRE(found.rows.size() == 1);
  CHECK(found.rows[0]->wildcard);
  CHECK(found.rows[0]->host.text() == "wild.example");
  CHECK(ask(directory, "a.b.wild.example").status == AnswerStatus::absent);
  directory.subscribe(nullptr);
}

TEST_CASE("invalid JSON, absurd sizes and wrong types are one domain's own fault") {
  Rig rig;
  SqliteDirectory directory(options(rig.folder), rig.status);
  wait_open(directory);
  run(rig.folder.file(), sample_rows());
  run(rig.folder.file(),
      "UPDATE module_custom_domains SET config = '{broken', white_label = "
      "hex(zeroblob(100000)), ssl_certificate = hex(zeroblob(200000)), ssl_private_key_encrypted "
      "= x'00ff', ssl_expires_at = 'soon' WHERE domain = 'shop.example';"
      "UPDATE site_module_installations SET is_enabled = 'maybe';"
      "UPDATE agencies SET status = hex(zeroblob(500))");
  const auto shop = ask(directory, "shop.example");
  REQUIRE(shop.rows.size() == 1);
  const routing::DomainRecord& r = *shop.rows[0];
  CHECK(r.config == routing::DomainConfig{});
  CHECK(r.white_label == routing::WhiteLabel{});
  CHECK_FALSE(r.certificate.present);
  CHECK_FALSE(r.installation_enabled);
  CHECK(r.agency_status == "invalid");
  CHECK(r.faults.size() >= 4);
  CHECK(ask(directory, "blog.example").status == AnswerStatus::found);
  // Without constraints in the way: a status nobody knows, and no name.
  run(rig.folder.file(),
      "PRAGMA ignore_check_constraints = 1; UPDATE module_custom_domains SET status = 'ACTIVE' "
      "WHERE domain = 'shop.example'; UPDATE module_custom_domains SET domain = 'a..b' WHERE "
      "domain = 'pending.example'");
  CHECK(ask(directory, "shop.example").rows.at(0)->status == routing::DomainStatus::unknown);
  CHECK(list(directory, {}).ok);
}

TEST_CASE("what another one locks, cuts or removes is unavailable, and never absent") {
  Rig rig;
  auto settings = options(rig.folder);
  settings.timeout = 400ms;
  SqliteDirectory directory(settings, rig.status);
  wait_open(directory);
  run(rig.folder.file(), sample_rows());
  Ear ear;
  directory.subscribe(&ear);
  REQUIRE(ear.wait_live());

  SUBCASE("a locked file") {
    std::string error;
    const auto other =
        SqliteDatabase::open(rig.folder.file(), SqliteDatabase::Mode::write, 5s, error);
    REQUIRE(other);
    REQUIRE(other->run("BEGIN IMMEDIATE; UPDATE agencies SET name = 'x'") == "");
    // WAL: a writer keeps no reader out.
    CHECK(ask(directory, "shop.example").status == AnswerStatus::found);
    REQUIRE(other->run("ROLLBACK") == "");
  }
  SUBCASE("a file cut short") {
    fs::resize_file(rig.folder.file(), 5000);
    fs::remove(rig.folder.file() + "-wal");
    const auto answer = ask(directory, "shop.example");
    CHECK(answer.status != AnswerStatus::absent);
  }
  SUBCASE("a file that is no database") {
    fs::remove(rig.folder.file() + "-wal");
    fs::remove(rig.folder.file() + "-shm");
    const std::string other = rig.folder.file() + ".new";
    std::ofstream(other) << std::string(8192, 'x');
    fs::rename(other, rig.folder.file());
    REQUIRE(ear.wait_live(false));
    const auto answer = ask(directory, "shop.example");
    CHECK(answer.status == AnswerStatus::unavailable);
    CHECK(answer.failure.source == base::FailureSource::dependency);
    CHECK(answer.failure.sentence.find(rig.folder.file()) != std::string::npos);
    // Taken away, it is lost: no empty one is made in its place.
    fs::remove(rig.folder.file());
    CHECK(ask(directory, "shop.example").status == AnswerStatus::unavailable);
    CHECK_FALSE(fs::exists(rig.folder.file()));
    // An empty file is no directory either; one with tables is, even without rows.
    std::ofstream(rig.folder.file()).flush();
    CHECK(ask(directory, "shop.example").status == AnswerStatus::unavailable);
    {
      std::string error;
      const auto made = SqliteDatabase::open(other, SqliteDatabase::Mode::create, 5s, error);
      REQUIRE(made);
      REQUIRE(migrate_sqlite(*made).error.empty());
      REQUIRE(made->run("PRAGMA wal_checkpoint(TRUNCATE)") == "");
    }
    fs::rename(other, rig.folder.file());
    CHECK(ear.wait_change(routing::Change::What::everything));
    REQUIRE(ear.wait_live());
    CHECK(ask(directory, "shop.example").status == AnswerStatus::absent);
  }
  directory.subscribe(nullptr);
}

TEST_CASE("a directory that ends answers what is open") {
  Rig rig;
  auto promise = std::make_shared<std::promise<routing::DirectoryAnswer>>();
  std::vector<std::future<AnswerStatus>> open;
  {
    auto settings = options(rig.folder);
    settings.path = "/nonexistent/folder/directory.sqlite";
    SqliteDirectory directory(settings, rig.status);
    for (int i = 0; i < 100; ++i) {
      const auto one = std::make_shared<std::promise<AnswerStatus>>();
      open.push_back(one->get_future());
      directory.find(routing::keys_of(*base::parse_hostname("a.example").name, ""),
                     [one](const routing::DirectoryAnswer& a) { one->set_value(a.status); });
    }
  }
  for (auto& one : open) {
    REQUIRE(one.wait_for(0s) == std::future_status::ready);
    CHECK(one.get() == AnswerStatus::unavailable);
  }
}

TEST_CASE("SQLite directory: a tenant's domains are listed by an index, among however many") {
  Folder folder;
  std::string error;
  const auto database =
      SqliteDatabase::open(folder.file(), SqliteDatabase::Mode::create, 1s, error);
  REQUIRE_MESSAGE(database, error);
  REQUIRE(migrate_sqlite(*database).error.empty());
  const auto plan_of = [&](const routing::ListQuery& query) {
    auto* plan = database->prepare("EXPLAIN QUERY PLAN " +
                                   list_sql(kSqlite, routing::RecordKind::module_domain, query));
    REQUIRE_MESSAGE(plan, database->error());
    std::string text;
    while (plan->step() == SqliteStatement::Step::row)
      text += std::string(plan->column(3).value_or("")) + "; ";
    return text;
  };
  routing::ListQuery query;
  query.agency = "a";
  CHECK_MESSAGE(plan_of(query).starts_with("SEARCH s USING INDEX idx_sites_agency"),
                plan_of(query));
  query = {};
  query.site = "s";
  CHECK_MESSAGE(plan_of(query).find("d USING INDEX idx_module_custom_domains_installation") !=
                    std::string::npos,
                plan_of(query));
  query = {};
  query.installation = "i";
  CHECK_MESSAGE(plan_of(query).find("d USING INDEX idx_module_custom_domains_installation") !=
                    std::string::npos,
                plan_of(query));
}

// The first answer and the follower's first look at the changes race each other.
TEST_CASE("SQLite directory: a change right behind the first answer is told") {
  Rig rig;
  { const SqliteDirectory made(options(rig.folder), rig.status); }
  std::string error;
  const auto other =
      SqliteDatabase::open(rig.folder.file(), SqliteDatabase::Mode::write, 10s, error);
  REQUIRE_MESSAGE(other, error);
  REQUIRE(other->run("PRAGMA synchronous = OFF") == "");
  for (int i = 0; i < 40; ++i) {
    const std::string value = std::string(63, '0') + std::to_string(i);
    SqliteDirectory directory(options(rig.folder), rig.status);
    Ear ear;
    directory.subscribe(&ear);
    std::promise<void> written;
    directory.find(routing::keys_of(*base::parse_hostname("any.example").name, ""),
                   [&](const routing::DirectoryAnswer& answer) {
                     CHECK(answer.status == AnswerStatus::absent);
                     CHECK(other->run("INSERT INTO marquee_changes (what, value) VALUES "
                                      "('credential', '" +
                                      value + "')") == "");
                     written.set_value();
                   });
    wait_for(written.get_future());
    REQUIRE(ear.wait_live());
    REQUIRE(ear.wait_change(routing::Change::What::credential, value));
    directory.subscribe(nullptr);
  }
}
