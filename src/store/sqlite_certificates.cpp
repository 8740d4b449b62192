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

// One transaction of a connection of its own, as readers only read. `work` gives what
// went wrong; a failure that it sets is told instead, and nothing is written.
void SqliteDirectory::write_certificate(CertificateWork work, Stored done) {
  ask([this, work = std::move(work), done = std::move(done)](SqliteDatabase* reader,
                                                             const std::string& why) {
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
    std::string refusal;
    fault = work(*database, refusal);
    if (fault.empty() && refusal.empty()) fault = database->run("COMMIT");
    if (!fault.empty() || !refusal.empty()) database->run("ROLLBACK");
    if (!fault.empty()) return unavailable(fault);
    if (refusal.empty())
      done(std::nullopt);
    else
      done(base::Failure{base::FailureSource::client, false, refusal});
    return std::string();
  });
}

void SqliteDirectory::store_certificate(const routing::NewCertificate& certificate, Stored done) {
  write_certificate(
      [certificate](SqliteDatabase& database, std::string& refusal) {
        int changed = 0, noted = 0;
        std::string fault =
            run(database, kSqliteStoreCertificate, store_certificate_values(certificate), changed);
        if (fault.empty() && changed == 0) refusal = "the domain is gone";
        if (fault.empty() && changed > 0)
          fault =
              run(database, kSqliteNoteCertificate, note_certificate_values(certificate), noted);
        return fault;
      },
      std::move(done));
}

void SqliteDirectory::remove_certificate(const std::string& row, Stored done) {
  write_certificate(
      [row](SqliteDatabase& database, std::string& refusal) {
        int changed = 0;
        const std::string fault = run(database, kSqliteRemoveCertificate, {row}, changed);
        if (changed == 0) refusal = kNothingToRemove;
        return fault;
      },
      std::move(done));
}

}  // namespace marquee::store
