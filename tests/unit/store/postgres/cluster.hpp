// A private PostgreSQL server for tests, by tests/unit/store/postgres/cluster.py.
#pragma once
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

namespace marquee::store {

class Cluster {
 public:
  static constexpr int kNotInstalled = 77;
  static std::string tests() { return MARQUEE_TESTS_DIR; }

  explicit Cluster(const std::string& flags = {}) {
    char name[] = "/tmp/marquee-pg-test-XXXXXX";
    REQUIRE(mkdtemp(name));
    folder_ = name;
    const int status = run("start", flags + " > " + folder_ + ".where 2>&1");
    std::ifstream in(folder_ + ".where");
    where_ = std::string(std::istreambuf_iterator<char>(in), {});
    std::filesystem::remove(folder_ + ".where");
    installed = WEXITSTATUS(status) != kNotInstalled;
    if (!installed) return;
    REQUIRE_MESSAGE(status == 0, where_);
    std::smatch match;
    REQUIRE(std::regex_search(where_, match, std::regex("\"port\": ([0-9]+)")));
    port = match[1];
    REQUIRE(std::regex_search(where_, match, std::regex("\"socket\": \"([^\"]+)\"")));
    socket = match[1];
  }
  ~Cluster() { run("remove"); }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void stop() { must("stop"); }
  void kill() { must("kill"); }  // pg_ctl -m immediate
  void pause() { must("pause"); }
  void resume() { must("resume"); }
  void start() { must("up"); }

  void sql(const std::string& text) {
    const std::string file = folder_ + ".sql";
    std::ofstream(file) << text;
    const int status = run("sql", file + " > " + file + ".out 2>&1");
    std::ifstream in(file + ".out");
    out_ = std::string(std::istreambuf_iterator<char>(in), {});
    std::filesystem::remove(file);
    std::filesystem::remove(file + ".out");
    REQUIRE_MESSAGE(status == 0, out_);
  }
  const std::string& printed() const { return out_; }  // by the last sql()

  // Marquee's schema, the platform's tables, and unless `attach` is false the triggers.
  void migrate(bool attach = true) {
    for (const char* step : {"001_marquee", "002_platform_tables", "003_platform_functions"})
      sql(schema(step));
    if (attach) sql(schema("attach_010_change_feed"));
  }
  static std::string schema(const std::string& step, const std::string& role = {}) {
    std::ifstream in(tests() + "/../src/store/schema/postgres_" + step + ".sql");
    REQUIRE(in);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (role.empty()) return text;
    text = std::regex_replace(text, std::regex("\\{\\{role_text\\}\\}"), "'" + role + "'");
    return std::regex_replace(text, std::regex("\\{\\{role\\}\\}"), role);
  }

  std::string url(const std::string& more = {}, const std::string& host = "127.0.0.1",
                  const std::string& user = "marquee_test") const {
    return "postgresql://" + user + "@" + host + ":" + port + "/marquee" + more;
  }
  std::string root() const { return folder_ + "/root.crt"; }

  bool installed = false;
  std::string port;
  std::string socket;

 private:
  int run(const std::string& what, const std::string& more = {}) const {
    const std::string command = "python3 " + tests() + "/unit/store/postgres/cluster.py " + what +
                                " " + folder_ + " " + more;
    return std::system(command.c_str());
  }
  void must(const std::string& what) const { REQUIRE(run(what) == 0); }

  std::string folder_;
  std::string where_;
  std::string out_;
};

// CI installs PostgreSQL; elsewhere its absence is said loudly.
#define MARQUEE_NEEDS(cluster)                                                   \
  if (!(cluster).installed) {                                                    \
    std::cerr << "SKIPPED, as PostgreSQL is not installed (apt-get install "     \
                 "postgresql): "                                                 \
              << doctest::getContextOptions()->currentTest->m_name << std::endl; \
    return;                                                                      \
  }

}  // namespace marquee::store
