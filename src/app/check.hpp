// The settings file, judged by every room that has something to say about it:
// the same for `marquee check`, the start and a reload.
#pragma once
#include <string>
#include <vector>

#include "config/settings.hpp"

namespace marquee::app {

struct Loaded {
  config::Settings settings;          // to be used only when there are no problems
  std::vector<std::string> problems;  // "file:line:column: sentence", in the files' order
  std::vector<std::string> warnings;  // likewise, "...: warning: sentence"; they hinder nothing
  bool ok() const { return problems.empty(); }
};

// Blocking: reads the file and all that it names.
Loaded load_and_check(const std::string& path);

// `marquee check`. Returns the exit code.
int run_check(const std::string& path, bool json);

// What https listeners offer, the best first.
std::vector<std::string> alpn_of(const config::Settings& settings);

// Where the admin socket of these settings is.
std::string admin_socket(const config::Settings& settings);

}  // namespace marquee::app
