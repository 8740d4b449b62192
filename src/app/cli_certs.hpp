// `marquee certs ...` on the command line.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace marquee::app {

struct CertsOptions {
  enum class What : std::uint8_t { import, list, show_export, remove };
  What what = What::list;
  std::string host;
  std::vector<std::string> cert_files, key_files;  // import; one key for each certificate
  bool with_key = false;                           // export
  std::string contains;                            // list
};

struct CommandLine;

// Adds the commands; the one that is returned has one of its own asked for.
CLI::App* add_certs(CLI::App& app, CommandLine& line, int& seconds);

}  // namespace marquee::app
