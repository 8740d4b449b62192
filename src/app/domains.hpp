// The commands `domains ...`, over the admin API of the running Marquee.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

int run_domains(const CommandLine& line);

// Parts of it. `line.socket` is set.
int run_domains_import(const CommandLine& line);
int run_domains_export(const CommandLine& line);

}  // namespace marquee::app
