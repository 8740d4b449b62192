// The command line: what was asked for. Carries nothing out.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "app/cli_access.hpp"
#include "app/cli_certs.hpp"
#include "app/cli_domains.hpp"
#include "app/cli_limits.hpp"

namespace marquee::app {

enum class Command : std::uint8_t {
  run,
  check,
  reload,
  status,
  explain,
  domains,
  cache_flush,
  db_migrate,
  certs,
  limits,
  access,
  demo_upstream,
  version
};

// Exit codes of every command.
namespace exit_code {
constexpr int ok = 0;
constexpr int failed = 1;       // it was tried and did not work
constexpr int usage = 2;        // the command line makes no sense
constexpr int bad_config = 78;  // EX_CONFIG of sysexits.h
}  // namespace exit_code

struct CommandLine {
  Command command = Command::version;
  std::string config = "/etc/marquee/marquee.yaml";  // -c, else MARQUEE_CONFIG
  std::string socket;                                // --socket; empty: from the settings
  bool json = false;                                 // what prints, as JSON
  bool print_schema = false;                         // check
  bool print_reference = false;                      // check
  std::string url;                                   // explain
  std::string method = "GET";                        // explain
  bool offline = false;                              // explain: -c was given
  std::string host;                                  // cache flush
  DomainsArguments domains;                          // domains
  std::string listen = "127.0.0.1:9100";             // demo-upstream
  std::string database_url;                          // db migrate; else from the settings
  std::string role = "marquee_edge";                 // db migrate
  bool no_attach = false;                            // db migrate
  bool print = false;                                // db migrate
  bool remove = false;                               // db migrate
  CertsOptions certs;                                // certs
  LimitsOptions limits;                              // limits
  AccessOptions access;                              // access
  std::chrono::seconds timeout{30};                  // what asks the running Marquee
};

// Nothing to carry out: help was asked for, or the command line is wrong.
struct Said {
  int exit_code = 0;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

std::variant<CommandLine, Said> parse_command_line(int argc, const char* const* argv);

}  // namespace marquee::app
