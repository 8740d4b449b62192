#include "store/sqlite_domain_book.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "directory_rig.hpp"
#include "store/lookup_sql.hpp"
#include "store/sqlite_migration.hpp"

using namespace marquee;
using namespace marquee::store;
using admin::BookAnswer;
using admin::BookRead;
using admin::BookResult;

namespace {

struct Rig {
  Rig() {
    char name[] = "/tmp/marquee-book-XXXXXX";
    folder = ::mkdtemp(name);
    std::string error;
    other = SqliteDatabase::open(folder + "/d.sqlite", SqliteDatabase::Mode::create,
                                 std::chrono::seconds(5), error);
    REQUIRE(error.empty());
    REQUIRE(migrate_sqlite(*other).error.empty());
    book = std::make_unique<SqliteDomainBook>(
        SqliteDomainBook::Options{folder + "/d.sqlite", std::chrono::milliseconds(50), {}});
  }
  ~Rig() {
    book.reset();
    other.reset();
    std::filesystem::remove_all(folder);
  }
  template <typename T, typename Start>
  static T answer(Start start) {
    const auto promise = std::make_shared<std::promise<T>>();
    start([promise](T value) { promise->set_value(std::move(value)); });
    return wait_for(promise->get_future());
  }
  std::vector<BookAnswer> create(std::vector<std::string> hosts) {
    std::vector<admin::DomainDraft> drafts(hosts.size());
    for (std::size_t i = 0; i < hosts.size(); ++i) drafts[i].host = hosts[i];
    return answer<std::vector<BookAnswer>>(
        [&](auto done) { book->create(std::move(drafts), done); });
  }
  BookRead read(const std::string& id) {
    return answer<BookRead>([&](auto done) { book->read(id, done); });
  }
  BookAnswer edit(const admin::StoredDomain& seen, const admin::DomainEdit& what) {
    return answer<BookAnswer>([&](auto done) { book->edit(seen, what, done); });
  }
  BookAnswer remove(const admin::StoredDomain& seen) {
    return answer<BookAnswer>([&](auto done) { book->remove(seen, done); });
  }
  std::string folder;
  std::unique_ptr<SqliteDatabase> other;  // as another process would write
  std::unique_ptr<SqliteDomainBook> book;
};

}  // namespace

TEST_CASE("sqlite book: a row that changed since it was seen is not written") {
  for (const char* change :
       {"status = 'pending'", "config = '{\"cache_ttl\":1}'",
        "white_label = '{\"brand_name\":\"x\"}'",
        "site_module_installation_id = (SELECT id FROM site_module_installations i "
        "WHERE i.id <> module_custom_domains.site_module_installation_id)"}) {
    Rig rig;
    const auto made = rig.create({"a.example", "b.example"});
    REQUIRE(made[0].result == BookResult::done);
    const auto seen = rig.read(made[0].id).domain;
    REQUIRE(seen);
    REQUIRE(rig.other->run("UPDATE module_custom_domains SET " + std::string(change) +
                           " WHERE domain = 'a.example'") == "");
    admin::DomainEdit edit;
    edit.status = routing::DomainStatus::disabled;
    CHECK_MESSAGE(rig.edit(*seen, edit).result == BookResult::changed, change);
    CHECK(rig.remove(*seen).result == BookResult::changed);
    const auto now = rig.read(made[0].id).domain;
    REQUIRE(now);
    CHECK(rig.edit(*now, edit).result == BookResult::done);
    CHECK(rig.read(made[0].id).domain->record.status == routing::DomainStatus::disabled);
    CHECK(rig.remove(*rig.read(made[0].id).domain).result == BookResult::done);
    CHECK(rig.read(made[0].id).answer.result == BookResult::gone);
  }
}

TEST_CASE("sqlite book: a batch is one transaction, and announced") {
  Rig rig;
  const auto before = rig.other->value("SELECT count(*) FROM marquee_changes");
  const auto made = rig.create({"a.example", "www.a.example", "b.example"});
  CHECK(made[0].result == BookResult::done);
  CHECK(made[1].result == BookResult::taken);
  CHECK(made[2].result == BookResult::done);
  CHECK(rig.other->value("SELECT count(*) FROM module_custom_domains") == "2");
  CHECK(rig.other->value("SELECT count(*) FROM marquee_changes WHERE what = 'name'") == "2");
  CHECK(before == "0");
  // A configuration that nobody else can break.
  CHECK(rig.other->value("SELECT count(*) FROM pragma_foreign_key_check") == "0");
}

TEST_CASE("sqlite book: what cannot be written is told, and nothing is half done") {
  Rig rig;
  REQUIRE(rig.other->run("BEGIN IMMEDIATE") == "");
  CHECK(rig.create({"a.example"})[0].result == BookResult::unavailable);
  REQUIRE(rig.other->run("ROLLBACK") == "");
  REQUIRE(rig.other->run("CREATE TRIGGER full BEFORE INSERT ON module_custom_domains WHEN "
                         "NEW.domain = 'b.example' BEGIN SELECT RAISE(ABORT, 'disk is full'); "
                         "END") == "");
  const auto made = rig.create({"a.example", "b.example"});
  CHECK(made[0].result == BookResult::unavailable);
  CHECK(made[1].sentence.find("disk is full") != std::string::npos);
  CHECK(rig.other->value("SELECT count(*) FROM module_custom_domains") == "0");
  CHECK(rig.other->value("SELECT count(*) FROM agencies") == "0");
  std::filesystem::remove(rig.folder + "/d.sqlite");
  CHECK(rig.create({"c.example"})[0].result == BookResult::unavailable);
}

TEST_CASE("SQLite book: statistics are renewed, and look-ups still go by index") {
  Rig rig;
  std::vector<std::string> hosts;
  for (int i = 0; i < 500; ++i) hosts.push_back("n" + std::to_string(i) + ".test");
  rig.create(hosts);
  CHECK(Rig::answer<BookAnswer>([&](auto done) { rig.book->analyze(done); }).result ==
        BookResult::done);
  CHECK(rig.other->value("SELECT count(*) > 0 FROM sqlite_stat1 WHERE tbl = "
                         "'module_custom_domains'") == "1");
  std::string error;
  const auto fresh = SqliteDatabase::open(rig.folder + "/d.sqlite", SqliteDatabase::Mode::read,
                                          std::chrono::seconds(5), error);
  REQUIRE_MESSAGE(fresh, error);
  auto* plan = fresh->prepare("EXPLAIN QUERY PLAN " + find_sql(kSqlite));
  REQUIRE_MESSAGE(plan, fresh->error());
  bool any = false;
  while (plan->step() == SqliteStatement::Step::row) {
    const std::string step(plan->column(3).value_or(""));
    any = true;
    for (const char* table : {"SCAN d", "SCAN s", "SCAN i", "SCAN c", "SCAN a", "SCAN p"})
      CHECK_MESSAGE((step != table && !step.starts_with(std::string(table) + " ")), step);
  }
  CHECK(any);
  plan->reset();
}

TEST_CASE("sqlite book: a credential is announced, and a failure is told") {
  Rig rig;
  const auto announced = [&rig](const std::string& value) {
    return Rig::answer<BookAnswer>([&](auto done) { rig.book->announce_credential(value, done); });
  };
  CHECK(announced("any").result == BookResult::done);
  CHECK(rig.other->value("SELECT what || ' ' || value FROM marquee_changes") == "credential any");
  REQUIRE(rig.other->run("BEGIN IMMEDIATE") == "");
  CHECK(announced("any").result == BookResult::unavailable);
  REQUIRE(rig.other->run("ROLLBACK") == "");
  CHECK(rig.other->value("SELECT count(*) FROM marquee_changes") == "1");
}
