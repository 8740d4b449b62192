// `marquee limits ...` on the command line.
#pragma once
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace marquee::app {

struct LimitsOptions {
  bool reset = false;
  std::string key;           // RULE, or RULE:part=value,part=value; empty: all rules
  std::uint32_t number = 0;  // of a rule by rows
};

struct CommandLine;

// Adds the commands; the one that is returned has one of its own asked for.
CLI::App* add_limits(CLI::App& app, CommandLine& line, int& seconds);

}  // namespace marquee::app
