// The one reader of settings files. Reads the named file and all it includes,
// strictly: whatever is not understood is a problem with its place, and all
// problems are reported at once. After a YAML syntax error only that error of
// its file is promised.
#pragma once
#include <string>
#include <vector>

#include "config/ports.hpp"
#include "config/settings.hpp"

namespace marquee::config {

struct Reading {
  Settings settings;              // to be used only if there are no problems
  std::vector<Problem> problems;  // in the order of files, lines and columns; at most kMaxProblems
  bool ok() const { return problems.empty(); }
};

constexpr std::size_t kMaxProblems = 200;
constexpr std::size_t kMaxIncludeDepth = 8;
constexpr std::size_t kMaxFiles = 1000;

// Decodes, and judges what one value alone can be judged by. Blocking: it reads
// files. Never throws but for want of memory.
Reading read_settings(const std::string& path, const Environment& environment, const Files& files);

// read_settings and check: what `marquee check`, the start and reload begin with.
Reading load_settings(const std::string& path, const Environment& environment, const Files& files);

// "file:line:column: sentence". A problem without a place stands at 1:1 of the
// first file.
std::string show(const Problem& problem, const std::vector<std::string>& files);

// Sorts by place, and drops what was said twice.
void sort_problems(std::vector<Problem>& problems);

}  // namespace marquee::config
