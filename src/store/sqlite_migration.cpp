#include "store/sqlite_migration.hpp"

#include "store/embedded.hpp"

namespace marquee::store {
namespace {

constexpr std::string_view kPrefix = "sqlite_";

struct Step {
  int number;
  std::string name;
  std::string_view text;
};

// "sqlite_001_platform_tables.sql"
std::vector<Step> steps() {
  std::vector<Step> out;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.starts_with(kPrefix)) continue;
    const std::string name(file.name.substr(kPrefix.size()));
    out.push_back({std::stoi(name.substr(0, 3)), name.substr(0, name.size() - 4), file.text});
  }
  return out;
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }  // our own names only

}  // namespace

Migration migrate_sqlite(SqliteDatabase& database) {
  Migration out;
  // WAL: readers do not wait for the writer. It is kept in the file.
  if (const auto mode = database.value("PRAGMA journal_mode = WAL"); mode != "wal") {
    out.error = database.busy() || !mode ? database.error()
                                         : "sqlite " + database.path() +
                                               ": WAL is not possible "
                                               "there; put the file on a local file system";
    return out;
  }
  out.error = database.run(
      "PRAGMA synchronous = NORMAL; CREATE TABLE IF NOT EXISTS marquee_schema_steps (number "
      "INTEGER "
      "PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT "
      "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));");
  if (!out.error.empty()) return out;
  const auto newest = database.value("SELECT coalesce(max(number), 0) FROM marquee_schema_steps");
  const auto known = steps();
  if (newest && std::stoi(*newest) > known.back().number) {
    out.error = "sqlite " + database.path() + " was made by a newer Marquee (step " + *newest +
                "); this one knows " + std::to_string(known.back().number) +
                " steps: install the newer version, or name another file";
    return out;
  }
  for (const Step& step : known) {
    out.error = database.run("BEGIN IMMEDIATE");
    if (!out.error.empty()) return out;
    const std::string number = std::to_string(step.number);
    if (database.value("SELECT 1 FROM marquee_schema_steps WHERE number = " + number)) {
      database.run("ROLLBACK");
      continue;
    }
    out.error = database.run(std::string(step.text) +
                             "INSERT INTO marquee_schema_steps (number, name) VALUES (" + number +
                             ", " + quoted(step.name) + ");");
    if (out.error.empty()) out.error = database.run("COMMIT");
    if (!out.error.empty()) {
      database.run("ROLLBACK");
      out.error += " (in step " + step.name + ")";
      return out;
    }
    out.done.push_back(step.name);
  }
  return out;
}

std::string sqlite_migration_text() {
  std::string out;
  for (const Step& step : steps()) out += "-- step " + step.name + "\n" + std::string(step.text);
  return out;
}

}  // namespace marquee::store
