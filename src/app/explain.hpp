// `marquee explain URL`: what would happen to a request, step by step, offline
// from the settings.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/cli.hpp"
#include "config/settings.hpp"

namespace marquee::app {

struct ExplainedStep {
  std::string name;    // "url", "listener", "host", "policy", "certificate", "upstream", "path"
  std::string result;  // one sentence
};

struct Explanation {
  std::vector<ExplainedStep> steps;
  bool reaches_upstream = false;
};

// Pure. `url` is hostile only to its author, but anything may stand in it.
Explanation explain(const config::Settings& settings, std::string_view method,
                    std::string_view url);

// The command; returns the exit code.
int run_explain(const CommandLine& line);

}  // namespace marquee::app
