#include "app/cli_limits.hpp"

#include <CLI/CLI.hpp>

#include "app/cli.hpp"
#include "app/cli_options.hpp"

namespace marquee::app {
namespace {

void shared_options(CLI::App& command, CommandLine& line, int& seconds, bool reset) {
  config_option(command, line);
  socket_option(command, line);
  timeout_option(command, line, seconds);
  command.add_flag("--json", line.json, "As JSON, for programs");
  command.preparse_callback([to = &line, reset](std::size_t) { to->limits.reset = reset; });
}

constexpr const char* key_words =
    "\nKEY is a rule's name and, behind a colon, each part that it counts by:\n"
    "  agency=ID client=ID site=ID installation=ID domain=NAME route=/PREFIX api_key=ID user=ID\n"
    "  client_ip=ADDRESS caller=key:ID|user:ID|ip:ADDRESS api_route=ID origin=MODULE/NAME\n"
    "With rate_limits.redis, agency=ID is also needed for rules by client, site, installation or\n"
    "domain: their counters stand in Redis under it. A domain without an agency is @NAME.\n";

}  // namespace

CLI::App* add_limits(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const limits = app.add_subcommand("limits", "Rate limits, and single counters");
  limits->require_subcommand(1);
  limits->footer(
      "\nExamples:\n  marquee limits show\n"
      "  marquee limits reset login:agency=6f1c,client_ip=203.0.113.7\n");
  LimitsOptions& options = line.limits;

  CLI::App* const show =
      limits->add_subcommand("show", "All rules and who is refused most, or one counter");
  show->add_option("key", options.key, "RULE or RULE:part=value,...; without it all rules")
      ->type_name("KEY");
  show->add_option("--limit", options.number,
                   "Of a rule by rows: the number in the row, to tell what is left")
      ->check(CLI::Range(1, 2'000'000'000))
      ->type_name("N");
  shared_options(*show, line, seconds, false);
  show->footer(std::string(key_words) +
               "Examples:\n  marquee limits show\n"
               "  marquee limits show login:agency=6f1c,client_ip=203.0.113.7\n"
               "  marquee limits show --json | jq '.rules[] | select(.refused > 0)'\n");

  CLI::App* const reset = limits->add_subcommand("reset", "Forget one counter: all may come anew");
  reset->add_option("key", options.key, "RULE or RULE:part=value,...")
      ->type_name("KEY")
      ->required();
  shared_options(*reset, line, seconds, true);
  reset->footer(std::string(key_words) +
                "It is forgotten in this process and in Redis. With mode: leased, workers of other "
                "nodes\nmay hold what they borrowed for 0.2 s more; exit code 1: Redis did not "
                "answer.\nExample:\n  marquee limits reset "
                "login:agency=6f1c,client_ip=203.0.113.7\n");
  return limits;
}

}  // namespace marquee::app
