// Carries out `marquee certs ...` against the running Marquee.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

// The exit code.
int run_certs(const CommandLine& line);

}  // namespace marquee::app
