// `marquee explain URL`: what would happen to a request, step by step, offline
// from the settings, or with what a running process knows of the directory.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli.hpp"
#include "base/hostname.hpp"
#include "config/settings.hpp"
#include "routing/host_table.hpp"

namespace marquee::app {

struct ExplainedStep {
  std::string name;    // "url", "listener", "host", "policy", "certificate", "upstream", "path"
  std::string result;  // one sentence
};

struct Explanation {
  std::vector<ExplainedStep> steps;
  bool reaches_upstream = false;
};

// What the directory says of the URL's host.
struct DirectoryFinding {
  std::string words;  // where the answer comes from, how old it is
  bool available = true;
  std::shared_ptr<const routing::Domain> domain;  // null: nobody's, or it leads nowhere
  routing::MatchKind match = routing::MatchKind::none;
  std::string unserved;  // a row is there, and why it is not served
  std::vector<std::string> conflicts;
};

// Pure. `url` is hostile only to its author, but anything may stand in it.
// `finding`: of a running process; null: there is no directory, or it was not asked.
Explanation explain(const config::Settings& settings, std::string_view method, std::string_view url,
                    const DirectoryFinding* finding = nullptr);

// Why there is nothing to explain: no URL, or no method (RFC 9110 9.1). A sentence; or
// empty.
std::string not_a_request(std::string_view method, std::string_view url);

// The host that the directory is asked for; nothing: the settings decide, or it
// is no name.
std::optional<base::Hostname> directory_host(const config::Settings& settings,
                                             std::string_view url);

std::string explanation_json(const Explanation& explanation);

// The command; returns the exit code.
int run_explain(const CommandLine& line);

}  // namespace marquee::app
