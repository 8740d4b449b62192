#include "app/db_migrate.hpp"

#include <iostream>

#include "app/check.hpp"
#include "store/open_directory.hpp"
#include "store/postgres_migration.hpp"
#include "store/sqlite_migration.hpp"

namespace marquee::app {
namespace {

struct Target {
  bool postgres = false;
  std::string place;  // URL or path
};

bool is_postgres(const std::string& url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

// Nothing: a sentence was printed, and `code` is what to exit with.
bool find_target(const CommandLine& line, Target& out, int& code) {
  if (!line.database_url.empty()) {
    out.postgres = is_postgres(line.database_url);
    out.place = line.database_url;
    if (out.place.starts_with("sqlite:")) out.place.erase(0, 7);
    return true;
  }
  const Loaded loaded = load_and_check(line.config);
  for (const std::string& problem : loaded.problems) std::cerr << problem << "\n";
  if (!loaded.ok()) {
    code = exit_code::bad_config;
    return false;
  }
  switch (loaded.settings.directory.kind) {
    case config::DirectoryKind::yaml:
      std::cerr << "marquee: directory.kind of " << line.config
                << " is yaml, which has no database; write kind: sqlite or postgres, or give "
                   "--url\n";
      code = exit_code::failed;
      return false;
    case config::DirectoryKind::sqlite:
      out.place = store::sqlite_path(loaded.settings);
      return true;
    case config::DirectoryKind::postgres:
      out = {true, loaded.settings.directory.url};
      return true;
  }
  return false;
}

int finish(const store::Migration& migration, bool removed) {
  for (const std::string& step : migration.done) {
    if (!removed) std::cout << "step " << step << ": done\n";
  }
  if (!migration.error.empty()) {
    std::cerr << "marquee: " << migration.error << "\n";
    return exit_code::failed;
  }
  if (removed) {
    std::cout << (migration.done.empty()
                      ? "nothing was attached\n"
                      : "all that was attached to the platform's tables is removed; schema marquee "
                        "stays (DROP SCHEMA marquee CASCADE forgets its proofs)\n");
  } else if (migration.done.empty()) {
    std::cout << "up to date\n";
  }
  return exit_code::ok;
}

int migrate_file(const std::string& path) {
  std::string error;
  const auto database = store::SqliteDatabase::open(path, store::SqliteDatabase::Mode::create,
                                                    std::chrono::seconds(10), error);
  if (!database) return finish({{}, error}, false);
  return finish(store::migrate_sqlite(*database), false);
}

}  // namespace

int run_db_migrate(const CommandLine& line) {
  Target target;
  int code = exit_code::ok;
  if (!find_target(line, target, code)) return code;
  const store::PostgresMigration what{target.place, line.role, !line.no_attach};
  if (line.print) {
    std::cout << (target.postgres ? store::postgres_migration_text(what)
                                  : store::sqlite_migration_text());
    return exit_code::ok;
  }
  if (!target.postgres) {
    if (!line.remove) return migrate_file(target.place);
    std::cerr << "marquee: an SQLite directory is Marquee's own, and nothing is attached to it; "
                 "delete the file instead\n";
    return exit_code::failed;
  }
  return line.remove ? finish(store::remove_postgres(what), true)
                     : finish(store::migrate_postgres(what), false);
}

}  // namespace marquee::app
