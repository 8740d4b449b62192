// Each tests/golden/settings/NAME.yaml is broken, and NAME.expected holds what
// is said of it, word for word. MARQUEE_WRITE_GOLDEN=1 writes what is said now:
// read the difference before it is committed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/reader.hpp"
#include "config/schema.hpp"
#include "fake_ports.hpp"

using namespace marquee::config;
namespace fs = std::filesystem;

namespace {

const fs::path kTests = MARQUEE_TESTS_DIR;
const fs::path kGolden = kTests / "golden" / "settings";

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool writing() { return std::getenv("MARQUEE_WRITE_GOLDEN") != nullptr; }

void compare_or_write(const fs::path& path, const std::string& now) {
  if (writing()) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << now;
  }
  CHECK_MESSAGE(now == slurp(path), path.filename().string(), " says now:\n", now);
}

}  // namespace

TEST_CASE("broken settings are answered word for word") {
  const FixedEnvironment environment({{"HOST", "shop.example.com"},
                                      {"EMPTY", ""},
                                      {"SHORT", "abc"},
                                      {"NOT_A_NUMBER", "many"},
                                      {"TWO_LINES", "a\nb"}});
  const RootedFiles files(kGolden);
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path());
  }
  std::sort(names.begin(), names.end());
  CHECK(names.size() >= 45);
  for (const auto& name : names) {
    const Reading reading = load_settings(name.filename().string(), environment, files);
    CHECK_MESSAGE(!reading.ok(), name.filename().string(), " is not broken");
    std::string said;
    for (const auto& problem : reading.problems)
      said += show(problem, reading.settings.files) + "\n";
    compare_or_write(fs::path(name).replace_extension(".expected"), said);
  }
}

TEST_CASE("every expectation has its file") {
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".expected") continue;
    CHECK_MESSAGE(fs::exists(fs::path(entry.path()).replace_extension(".yaml")),
                  entry.path().string());
  }
}

TEST_CASE("docs/configuration.md is what the description says") {
  compare_or_write(kTests.parent_path() / "docs" / "configuration.md", print_reference());
}

TEST_CASE("the quickstart is without a problem") {
  const FixedEnvironment environment;
  const RootedFiles files(kTests.parent_path());
  const Reading reading = load_settings("examples/quickstart/marquee.yaml", environment, files);
  for (const auto& problem : reading.problems) FAIL_CHECK(show(problem, reading.settings.files));
  CHECK(reading.settings.state_dir == "build/run/state");
  CHECK(reading.settings.admin.socket == "build/run/state/admin.sock");
  REQUIRE(reading.settings.domains.size() == 2);
  CHECK(reading.settings.domains[0].agency != reading.settings.domains[1].agency);
}
