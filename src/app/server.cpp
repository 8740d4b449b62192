#include "app/server.hpp"

#include <iostream>

#include "app/cli.hpp"

namespace marquee::app {

int run_server(const RunOptions& options) {
  std::cerr << "marquee: this build cannot serve " << options.config << "\n";
  return exit_code::failed;
}

}  // namespace marquee::app
