// `marquee access`: what was asked for.
#pragma once
#include <string>

namespace CLI {
class App;
}

namespace marquee::app {

struct CommandLine;

// access forget: one of the three.
struct AccessOptions {
  bool all = false;
  std::string sha256;
  std::string input;  // "-": a credential comes on standard input
};

CLI::App* add_access(CLI::App& app, CommandLine& line, int& seconds);

}  // namespace marquee::app
