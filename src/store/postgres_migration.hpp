// The steps that make or bring up to date a directory in PostgreSQL, and those
// that attach to the platform's tables. Blocking: for the command line.
#pragma once
#include <string>

#include "store/sqlite_migration.hpp"

namespace marquee::store {

struct PostgresMigration {
  std::string url;
  std::string role = "marquee_edge";  // the nodes' login role; empty: none is made
  bool attach = true;                 // triggers, and the role's policies and grants
};

// Everything that migrate_postgres() would carry out, for a look before; each step
// can be carried out again.
std::string postgres_migration_text(const PostgresMigration& what);

// Each step in a transaction of its own, under a lock, so that several may try.
// Attached steps are carried out each time, as tables may have been made since.
Migration migrate_postgres(const PostgresMigration& what);

// Takes away all that is attached. Migration::done is one word where something was.
Migration remove_postgres(const PostgresMigration& what);

}  // namespace marquee::store
