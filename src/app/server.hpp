// `marquee run`: the composition root. Builds everything, owns the order of
// start and stop, turns signals into actions.
#pragma once
#include <string>

namespace marquee::app {

struct RunOptions {
  std::string config;  // settings file
};

// Serves until it is told to stop. Returns the exit code (app/cli.hpp).
int run_server(const RunOptions& options);

}  // namespace marquee::app
