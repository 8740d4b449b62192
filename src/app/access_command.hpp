// Carries out `marquee access ...` against the running Marquee.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

// The exit code.
int run_access(const CommandLine& line);

}  // namespace marquee::app
