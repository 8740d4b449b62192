#include "app/cli.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <sstream>

#include "app/cli_options.hpp"
#include "base/suggest.hpp"

namespace marquee::app {
namespace {

constexpr const char* about = "Marquee: an edge reverse proxy and router for custom domains.";

constexpr const char* examples = R"(
Examples:
  marquee check -c marquee.yaml              what is wrong with these settings
  marquee run -c marquee.yaml                serve; SIGTERM drains and ends
  marquee reload                             read the settings again, drop nothing
  marquee status                             what the running Marquee is doing
  marquee explain https://shop.acme.com/x    what would happen to this request
  marquee certs list                         certificates, and when they end
  marquee domains add shop.acme.com          one more domain, served at once
  marquee limits show                        rate limits, and who is refused
  marquee cache flush shop.acme.com          ask the directory for it anew
  marquee access forget - < token.txt        a credential was revoked
  marquee db migrate                         make or update the directory's tables
  marquee demo-upstream                      a sample server to put behind it

Settings are read from --config, else $MARQUEE_CONFIG, else /etc/marquee/marquee.yaml.
Exit codes: 0 done, 1 failed, 2 wrong use, 78 bad settings.
Signals of `run`: HUP reload, USR1 reopen logs, TERM drain (twice: end at once).
)";

CLI::App* add_db(CLI::App& app, CommandLine& line) {
  CLI::App* const db = app.add_subcommand("db", "The database of the domain directory");
  db->require_subcommand(1);
  db->footer(
      "\nExamples:\n  marquee db migrate --print   all SQL, without a database\n"
      "  marquee db migrate\n");
  CLI::App* const migrate =
      db->add_subcommand("migrate", "Make the tables, or bring them up to date");
  config_option(*migrate, line);
  migrate
      ->add_option("--url", line.database_url,
                   "postgresql://... or sqlite:PATH (Env: MARQUEE_DATABASE_URL; default: the "
                   "directory in the settings)")
      ->type_name("URL");
  migrate->add_option("--role", line.role, "PostgreSQL: login role of the nodes; \"\" makes none")
      ->type_name("NAME")
      ->capture_default_str();
  migrate->add_flag("--no-attach", line.no_attach,
                    "PostgreSQL: touch no table of the platform; changes are then seen when "
                    "cached answers expire");
  auto* const print = migrate->add_flag("--print", line.print, "Print the SQL, and do nothing");
  migrate
      ->add_flag("--remove", line.remove,
                 "PostgreSQL: take away what is attached to the platform's tables")
      ->excludes(print);
  migrate->footer(
      "\nIdempotent. What it finds of the platform's tables it leaves as it is; triggers, policies "
      "and grants that it attaches are named marquee_*.\nExample:\n  marquee db migrate --print "
      "--url postgresql://owner@db/platform | less\n");
  return migrate;
}

// The first word that should have been a command and is none, with what there is; or
// empty. CLI11 says only that one is missing.
std::string unknown_command(const CLI::App& root, int argc, const char* const* argv) {
  const CLI::App* app = &root;
  std::string way = "marquee";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-')) return {};  // an option where none is: CLI11 says so
    const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty() || app->get_require_subcommand_min() == 0) return {};
    std::vector<std::string_view> names;
    const CLI::App* found = nullptr;
    for (const CLI::App* command : commands) {
      names.push_back(command->get_name());
      if (command->get_name() == word) found = command;
    }
    if (!found) {
      std::string all;
      for (const std::string_view name : names) all.append(all.empty() ? "" : ", ").append(name);
      return "marquee: `" + word + "` is no command of `" + way + "`" +
             base::suggestion(word, names) + "\nThere are: " + all + "\nSee " + way + " --help\n";
    }
    app = found;
    way += " " + word;
  }
  return {};
}

struct Choice {
  CLI::App* app;
  Command command;
};

std::vector<Choice> add_commands(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const run = app.add_subcommand("run", "Serve until SIGTERM");
  config_option(*run, line);
  run->footer("\nExample:\n  marquee run -c /etc/marquee/marquee.yaml\n");

  CLI::App* const check =
      app.add_subcommand("check", "Read the settings and say what is wrong with them");
  config_option(*check, line);
  check->add_flag("--json", line.json, "Problems as JSON");
  auto* const schema = check->add_flag("--print-schema", line.print_schema,
                                       "Print the JSON Schema of the settings instead");
  check
      ->add_flag("--print-reference", line.print_reference,
                 "Print the reference of all keys (Markdown) instead")
      ->excludes(schema);
  check->footer(
      "\nExamples:\n  marquee check -c marquee.yaml && systemctl reload marquee\n"
      "  marquee check --print-schema > marquee.schema.json   for your editor\n"
      "Exits with 78 when there is a problem.\n");

  CLI::App* const reload =
      app.add_subcommand("reload", "Let the running Marquee read its settings again");
  config_option(*reload, line);
  socket_option(*reload, line);
  timeout_option(*reload, line, seconds);
  reload->footer(
      "\nWhen the settings have a problem, those in force stay in force, and it is printed (exit "
      "78).\n");

  CLI::App* const status = app.add_subcommand("status", "What the running Marquee is doing");
  config_option(*status, line);
  socket_option(*status, line);
  timeout_option(*status, line, seconds);
  status->add_flag("--json", line.json, "As JSON, for programs");
  status->footer("\nExamples:\n  marquee status\n  marquee status --json | jq .upstreams\n");

  CLI::App* const explain =
      app.add_subcommand("explain", "What would happen to a request, step by step");
  explain
      ->add_option("-c,--config", line.config,
                   "Explain from this settings file alone, without the running Marquee")
      ->type_name("FILE")
      ->each([&line](const std::string&) { line.offline = true; });
  socket_option(*explain, line);
  timeout_option(*explain, line, seconds);
  explain->add_option("url", line.url, "http:// or https:// URL")->required();
  explain->add_option("-X,--method", line.method, "Method of the request")->capture_default_str();
  explain->add_flag("--json", line.json, "As JSON, for programs");
  explain->footer(
      "\nExamples:\n  marquee explain https://bakery.localhost:8443/menu\n  marquee explain -c "
      "marquee.yaml https://bakery.localhost:8443/menu\n");

  CLI::App* const domains = add_domains(app, line, seconds);
  CLI::App* const cache = add_cache(app, line, seconds);
  CLI::App* const migrate = add_db(app, line);
  CLI::App* const certs = add_certs(app, line, seconds);
  CLI::App* const limits = add_limits(app, line, seconds);
  CLI::App* const access = add_access(app, line, seconds);

  CLI::App* const demo =
      app.add_subcommand("demo-upstream", "A sample server that shows what reached it");
  demo->add_option("--listen", line.listen, "Address and port")->capture_default_str();
  demo->footer(
      "\nPaths: / page, /echo JSON, /stream?n=10, /upload, /bytes/N, /slow?ms=500, /early, /hints, "
      "/ws\n");

  CLI::App* const version = app.add_subcommand("version", "Print the version");
  version->footer("\nExample:\n  marquee version --json\n");
  version->add_flag("--json", line.json, "As JSON, for programs");
  return {
      {run, Command::run},           {check, Command::check},        {reload, Command::reload},
      {status, Command::status},     {explain, Command::explain},    {domains, Command::domains},
      {cache, Command::cache_flush}, {certs, Command::certs},        {limits, Command::limits},
      {access, Command::access},     {migrate, Command::db_migrate}, {demo, Command::demo_upstream},
      {version, Command::version}};
}

}  // namespace

// The variable is read here and not by CLI11: it would set the shared value
// through the other commands' options, over what -c says.
void config_option(CLI::App& command, CommandLine& line) {
  command.add_option("-c,--config", line.config, "Settings file (Env: MARQUEE_CONFIG)")
      ->type_name("FILE")
      ->capture_default_str();
}

void socket_option(CLI::App& command, CommandLine& line) {
  command.add_option("--socket", line.socket, "Admin socket (default: the one in the settings)")
      ->type_name("PATH");
}

void timeout_option(CLI::App& command, CommandLine& line, int& seconds) {
  command.add_option("--timeout", seconds, "Seconds to wait for the answer")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command.callback([&] { line.timeout = std::chrono::seconds(seconds); });
}

std::variant<CommandLine, Said> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  if (const char* const file = std::getenv("MARQUEE_CONFIG"); file && *file) line.config = file;
  if (const char* const url = std::getenv("MARQUEE_DATABASE_URL"); url && *url)
    line.database_url = url;
  int seconds = static_cast<int>(line.timeout.count());
  CLI::App app(about, "marquee");
  app.footer(examples);
  app.require_subcommand(1);
  const std::vector<Choice> choices = add_commands(app, line, seconds);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::ostringstream out, err;
    const int code = app.exit(e, out, err) == 0 ? exit_code::ok : exit_code::usage;
    if (code != exit_code::ok)
      if (std::string unknown = unknown_command(app, argc, argv); !unknown.empty())
        return Said{code, {}, std::move(unknown)};
    return Said{code, out.str(), err.str()};
  }
  for (const Choice& choice : choices) {
    if (choice.app->parsed()) line.command = choice.command;
  }
  return line;
}

}  // namespace marquee::app
