// The commands `domains ...` and `cache ...`: what was asked for.
#pragma once
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace marquee::app {

struct CommandLine;

enum class DomainsAction : std::uint8_t {
  list,
  show,
  add,
  enable,
  disable,
  remove,
  vouch,
  unvouch,
  import_file,
  export_file,
};

struct DomainsArguments {
  DomainsAction action = DomainsAction::list;
  std::string name;  // host, or id
  // add: of the new domain; list, export: filters
  std::string agency, client, site, installation, module, status;
  std::string source, prefix, contains;  // list
  std::string cursor;                    // list
  std::uint32_t limit = 100;             // list
  bool all = false;                      // list
  std::string config, white_label;       // add: JSON
  bool vouched = false;                  // add
  std::string file = "-";                // import, export
  std::string format;                    // import, export: csv, jsonl; empty: by the file
  std::uint64_t from_line = 1;           // import
  std::uint32_t batch = 500;             // import
};

// Both set `line`, which outlives the parsing. `seconds` as for the other commands.
CLI::App* add_domains(CLI::App& app, CommandLine& line, int& seconds);
CLI::App* add_cache(CLI::App& app, CommandLine& line, int& seconds);

}  // namespace marquee::app
