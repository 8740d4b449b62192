// Options that several commands share.
#pragma once
#include "app/cli.hpp"

namespace CLI {
class App;
}

namespace marquee::app {

void config_option(CLI::App& command, CommandLine& line);
void socket_option(CLI::App& command, CommandLine& line);
// `seconds` outlives the parsing.
void timeout_option(CLI::App& command, CommandLine& line, int& seconds);

}  // namespace marquee::app
