#include "app/cli_access.hpp"

#include <CLI/CLI.hpp>

#include "app/cli.hpp"
#include "app/cli_options.hpp"

namespace marquee::app {

CLI::App* add_access(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const access = app.add_subcommand("access", "Proofs of who asks, as remembered");
  access->require_subcommand(1);
  access->footer("\nExample:\n  marquee access forget - < token.txt\n");
  AccessOptions& options = line.access;

  CLI::App* const forget = access->add_subcommand(
      "forget", "Check a credential anew with its next request, as it may be revoked");
  CLI::Option_group* const what = forget->add_option_group("what", "One of");
  what->add_flag("--all", options.all, "All that is remembered; key sets are fetched anew");
  what->add_option("--sha256", options.sha256, "SHA-256 of the credential")->type_name("HEX");
  what->add_option("credential", options.input, "-: read the credential from standard input")
      ->type_name("-");
  what->require_option(1);
  config_option(*forget, line);
  socket_option(*forget, line);
  timeout_option(*forget, line, seconds);
  forget->add_flag("--json", line.json, "As JSON, for programs");
  forget->footer(
      "\nA credential is what stands in the field, without \"Bearer\": an API key, a token, the\n"
      "value of a session's cookie. Only its SHA-256 is sent. A directory in SQLite or PostgreSQL\n"
      "tells all nodes; without one, ask each node. Exit code 1: forgotten here, but the others\n"
      "could not be told.\n"
      "Examples:\n  marquee access forget - < session.txt\n  marquee access forget --all\n");
  return access;
}

}  // namespace marquee::app
