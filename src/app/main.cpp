#include <exception>
#include <iostream>

#include "app/access_command.hpp"
#include "app/certs.hpp"
#include "app/check.hpp"
#include "app/cli.hpp"
#include "app/db_migrate.hpp"
#include "app/demo_upstream.hpp"
#include "app/domains.hpp"
#include "app/explain.hpp"
#include "app/limits_command.hpp"
#include "app/remote.hpp"
#include "app/server.hpp"
#include "config/schema.hpp"

namespace {

using namespace marquee::app;

int check(const CommandLine& line) {
  if (line.print_schema || line.print_reference) {
    std::cout << (line.print_schema ? marquee::config::print_schema()
                                    : marquee::config::print_reference());
    return exit_code::ok;
  }
  return run_check(line.config, line.json);
}

int version(bool json) {
  std::cout << (json ? R"({"version":")" MARQUEE_VERSION R"("})" : "marquee " MARQUEE_VERSION)
            << "\n";
  return exit_code::ok;
}

int dispatch(const CommandLine& line) {
  switch (line.command) {
    case Command::run:
      return run_server({line.config});
    case Command::check:
      return check(line);
    case Command::reload:
      return run_reload(line);
    case Command::status:
      return run_status(line);
    case Command::explain:
      return run_explain(line);
    case Command::domains:
      return run_domains(line);
    case Command::cache_flush:
      return run_cache_flush(line);
    case Command::db_migrate:
      return run_db_migrate(line);
    case Command::certs:
      return run_certs(line);
    case Command::limits:
      return run_limits(line);
    case Command::access:
      return run_access(line);
    case Command::demo_upstream:
      return run_demo_upstream({line.listen});
    case Command::version:
      return version(line.json);
  }
  return exit_code::usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed = parse_command_line(argc, argv);
    if (const auto* const said = std::get_if<Said>(&parsed)) {
      std::cout << said->out;
      std::cerr << said->err;
      return said->exit_code;
    }
    return dispatch(std::get<CommandLine>(parsed));
  } catch (const std::exception& e) {
    std::cerr << "marquee: " << e.what() << "\n";
    return exit_code::failed;
  }
}
