// `marquee db migrate`: makes or brings up to date the tables of a directory.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

// Returns the exit code. Blocking; says on standard output what was done.
int run_db_migrate(const CommandLine& line);

}  // namespace marquee::app
