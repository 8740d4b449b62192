// The steps that make or bring up to date a directory in SQLite. Blocking.
#pragma once
#include <string>
#include <vector>

#include "store/sqlite_database.hpp"

namespace marquee::store {

struct Migration {
  std::vector<std::string> done;  // names of the steps that were carried out now
  std::string error;              // a sentence; the database is as before the failed step
};

// Idempotent; several processes may try at once.
Migration migrate_sqlite(SqliteDatabase& database);

// Everything that it would carry out on an empty file.
std::string sqlite_migration_text();

}  // namespace marquee::store
