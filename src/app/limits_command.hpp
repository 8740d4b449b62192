// Carries out `marquee limits ...` against the running Marquee.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

// The exit code.
int run_limits(const CommandLine& line);

}  // namespace marquee::app
