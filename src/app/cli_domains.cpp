#include "app/cli_domains.hpp"

#include <CLI/CLI.hpp>

#include "app/cli.hpp"
#include "app/cli_options.hpp"

namespace marquee::app {
namespace {

class Commands {
 public:
  Commands(CLI::App& domains, CommandLine& line, int& seconds)
      : domains_(domains), line_(line), seconds_(seconds) {}

  CLI::App& add(const char* name, const char* help, DomainsAction action) {
    CLI::App& out = *domains_.add_subcommand(name, help);
    config_option(out, line_);
    socket_option(out, line_);
    timeout_option(out, line_, seconds_);
    out.add_flag("--json", line_.json, "As JSON, for programs");
    out.preparse_callback(
        [this_line = &line_, action](std::size_t) { this_line->domains.action = action; });
    return out;
  }

  void tenant(CLI::App& command, const char* what) {
    DomainsArguments& a = line_.domains;
    const auto id = [&](const char* name, std::string& to) {
      command.add_option(name, to, what)->type_name("ID");
    };
    id("--agency", a.agency);
    id("--client", a.client);
    id("--site", a.site);
    id("--installation", a.installation);
  }

  void name(CLI::App& command) {
    command.add_option("name", line_.domains.name, "Hostname, or id")
        ->required()
        ->type_name("NAME");
  }

 private:
  CLI::App& domains_;
  CommandLine& line_;
  int& seconds_;
};

void add_reading(Commands& commands, DomainsArguments& a) {
  CLI::App& list =
      commands.add("list", "Domains of the settings and the directory", DomainsAction::list);
  commands.tenant(list, "Only of this one");
  list.add_option("--status", a.status, "Only these: active, disabled, pending, ...")
      ->type_name("WORD");
  list.add_option("--source", a.source, "settings or directory")->type_name("WORD");
  list.add_option("--prefix", a.prefix, "Names that begin so")->type_name("TEXT");
  list.add_option("--contains", a.contains, "Names with this in them")->type_name("TEXT");
  list.add_option("--limit", a.limit, "Domains of one page")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  list.add_option("--cursor", a.cursor, "Go on where the page before ended")->type_name("CURSOR");
  list.add_flag("--all", a.all, "All pages");
  list.footer("\nExample:\n  marquee domains list --contains bakery --json | jq .domains[].host\n");

  CLI::App& show = commands.add("show", "All about one domain", DomainsAction::show);
  commands.name(show);

  CLI::App& out = commands.add("export", "The directory's module domains, for import",
                               DomainsAction::export_file);
  out.add_option("-o,--output", a.file, "Write here, not to standard output")->type_name("FILE");
  out.add_option("--format", a.format, "csv or jsonl (default: by the file's name, else csv)")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  commands.tenant(out, "Only of this one");
  out.footer("\nExample:\n  marquee domains export -o domains.csv\n");
}

void add_writing(Commands& commands, DomainsArguments& a) {
  CLI::App& add = commands.add("add", "Add a domain to the directory", DomainsAction::add);
  add.add_option("name", a.name, "Hostname, or *.name")->required()->type_name("HOST");
  commands.tenant(add, "Whose it is; made if it does not exist");
  add.add_option("--module", a.module, "Module of an installation that is made")->type_name("ID");
  add.add_option("--status", a.status, "active (default), disabled, pending, ...")
      ->type_name("WORD");
  add.add_option("--domain-config", a.config, "JSON object, such as {\"force_www\": true}")
      ->type_name("JSON");
  add.add_option("--white-label", a.white_label, "JSON object")->type_name("JSON");
  add.add_flag("--vouched", a.vouched,
               "You answer for it that its tenant owns the name: it is served without another "
               "proof, where directory.trust_directory_status is false. Logged");
  add.footer(
      "\nIds that are not named are found by those that are, or made up. It answers within a "
      "second.\nExamples:\n  marquee domains add shop.example\n  marquee domains add shop.example "
      "--installation 6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01\n");
  commands.name(commands.add("enable", "Serve it", DomainsAction::enable));
  commands.name(commands.add("disable", "Show a page instead of it", DomainsAction::disable));
  commands.name(commands.add("vouch", "Answer for it that its tenant owns the name; logged",
                             DomainsAction::vouch));
  commands.name(
      commands.add("unvouch", "Take that word back; other proofs stay", DomainsAction::unvouch));
  commands.name(commands.add("remove", "Remove it; its tenant stays", DomainsAction::remove));

  CLI::App& in = commands.add("import", "Add domains from a file", DomainsAction::import_file);
  in.add_option("file", a.file, "CSV with a header line, or JSON lines; - is standard input")
      ->required()
      ->type_name("FILE");
  in.add_option("--format", a.format, "csv or jsonl (default: by how it begins)")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  in.add_option("--from", a.from_line, "Leave out the lines before this one")
      ->type_name("LINE")
      ->check(CLI::PositiveNumber);
  in.add_option("--batch", a.batch, "Domains in one request")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  in.footer(
      "\nColumns or members: host, installation, module, site, client, agency, status, config, "
      "white_label; only host is needed. What is there already, just so, is left as it is, so "
      "that an import can be repeated. A line that fails is told, and the others go on (exit 1).\n"
      "Example:\n  marquee domains import domains.csv\n");
}

}  // namespace

CLI::App* add_domains(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const domains = app.add_subcommand("domains", "Domains of the running Marquee");
  domains->require_subcommand(1);
  domains->footer(
      "\nExamples:\n  marquee domains add shop.example\n"
      "  marquee domains list --contains bakery\n  marquee domains show shop.example\n"
      "  marquee domains disable shop.example\n  marquee domains import domains.csv\n");
  Commands commands(*domains, line, seconds);
  add_reading(commands, line.domains);
  add_writing(commands, line.domains);
  return domains;
}

CLI::App* add_cache(CLI::App& app, CommandLine& line, int& seconds) {
  CLI::App* const cache = app.add_subcommand("cache", "What is remembered of the directory");
  cache->require_subcommand(1);
  cache->footer("\nExample:\n  marquee cache flush shop.example\n");
  CLI::App* const flush = cache->add_subcommand("flush", "Forget one name, on all workers");
  flush->add_option("host", line.host, "Hostname")->required()->type_name("HOST");
  config_option(*flush, line);
  socket_option(*flush, line);
  timeout_option(*flush, line, seconds);
  flush->add_flag("--json", line.json, "As JSON, for programs");
  flush->footer("\nExample:\n  marquee cache flush shop.example\n");
  return cache;
}

}  // namespace marquee::app
