// Certificates into the SQLite file: its only write of the platform's own rows.
#include "store/certificate_sql.hpp"
#include "store/sqlite_directory.hpp"

namespace marquee::store {
namespace {

using Step = SqliteStatement::Step;

// Empty, or what went wrong. `changed`: how many rows the statement returned.
std::string run(SqliteDatabase& database, const std::string& sql,
                const std::vector<std::string>& values, int& changed) {
  SqliteStatement* const statement = database.prepare(sql);
  if (!statement) return database.error();
  for (std::size_t i = 0; i < values.size(); ++i)
    statement->bind(static_cast<int>(i) + 1, values[i]);
  Step step;
  changed = 0;
  while ((step = statement->step()) == Step::row) ++changed;
  const std::string fault = step == Step::failed ? database.error() : std::string();
  statement->reset();
  return fault;
}

}  // namespace

void SqliteDirectory::store_certificate(const routing::NewCertificate& certificate, Stored done) {
  ask([this, certificate, done = std::move(done)](SqliteDatabase* reader, const std::string& why) {
    const auto unavailable = [&](const std::string& sentence) {
      done(base::Failure{base::FailureSource::dependency, true, sentence});
      return std::string();  // the reader's database is in order
    };
    if (!reader) return unavailable(why);
    std::string fault;
    const auto database = SqliteDatabase::open(options_.path, SqliteDatabase::Mode::write,
                                               options_.timeout / 2, fault);
    if (!database) return unavailable(fault);
    fault = database->run("BEGIN IMMEDIATE");
    if (!fault.empty()) return unavailable(fault);
    int changed = 0;
    fault = run(*database, kSqliteStoreCertificate, store_certificate_values(certificate), changed);
    const bool gone = fault.empty() && changed == 0;
    int noted = 0;
    if (fault.empty() && !gone)
      fault = run(*database, kSqliteNoteCertificate, note_certificate_values(certificate), noted);
    if (fault.empty() && !gone) fault = database->run("COMMIT");
    if (!fault.empty() || gone) database->run("ROLLBACK");
    if (!fault.empty()) return unavailable(fault);
    if (gone)
      done(base::Failure{base::FailureSource::client, false, "the domain is gone"});
    else
      done(std::nullopt);
    return std::string();
  });
}

}  // namespace marquee::store
