// The commands that ask a running Marquee over its admin socket.
#pragma once
#include "app/cli.hpp"

namespace marquee::app {

int run_status(const CommandLine& line);
int run_reload(const CommandLine& line);

}  // namespace marquee::app
