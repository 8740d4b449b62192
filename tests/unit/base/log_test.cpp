#include "base/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

using namespace std::chrono_literals;
using marquee::base::log_level;
using marquee::base::log_text;
using marquee::base::Logger;
using marquee::base::LogLevel;
using marquee::base::LogLimit;

namespace {

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/marquee-log-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("values are quoted and escaped when they need it") {
  CHECK(log_text("started", {{"workers", 2}, {"ok", true}, {"took", 15ms}}) ==
        "started workers=2 ok=true took=15");
  CHECK(log_text("x", {{"a", "plain"}, {"b", "two words"}, {"c", ""}, {"d", "a=b"}}) ==
        "x a=plain b=\"two words\" c=\"\" d=\"a=b\"");
  CHECK(log_text("refused", {{"host", "evil\nhost\"\\\x1b[2J\xff"}}) ==
        "refused host=\"evil\\nhost\\\"\\\\\\x1b[2J\\xff\"");
  CHECK(log_text("a\nb", {}) == "a\\nb");
  CHECK(log_text("x", {{"long", std::string(5000, 'y')}}).size() < 1100);
}

TEST_CASE("a level by its name") {
  CHECK(log_level("warn") == LogLevel::warn);
  CHECK(!log_level("warning"));
}

TEST_CASE("a limit lets a burst through in each window and counts the rest") {
  LogLimit limit(2, 10s);
  std::chrono::steady_clock::time_point now{100s};
  CHECK(limit.ask(now).allowed);
  CHECK(limit.ask(now + 1s).allowed);
  CHECK(!limit.ask(now + 2s).allowed);
  CHECK(!limit.ask(now + 9999ms).allowed);
  const auto next = limit.ask(now + 10s);
  CHECK(next.allowed);
  CHECK(next.suppressed == 2);
  CHECK(limit.ask(now + 10s).suppressed == 0);
}

TEST_CASE(
    "lines reach a file with time and level, below the level they do not, reopen follows a "
    "rename") {
  const TemporaryDirectory directory;
  const std::string path = directory.path + "/marquee.log";
  {
    Logger log;
    log.error("nobody hears this");
    REQUIRE(!log.open(path, LogLevel::info));
    log.debug("not this");
    log.info("listening", {{"address", "0.0.0.0:8443"}});
    log.set_level(LogLevel::debug);
    LogLimit limit(1, 10s);
    for (int i = 0; i < 3; ++i) {
      log.write(LogLevel::warn, limit, std::chrono::steady_clock::time_point{5s}, "noise {}");
    }
    log.write(LogLevel::warn, limit, std::chrono::steady_clock::time_point{15s}, "noise {}");
    CHECK(log.lost() == 0);
  }
  const std::regex shape(
      "....-..-..T..:..:..\\....Z info  listening address=0\\.0\\.0\\.0:8443\n"
      ".{24} warn  noise \\{\\}\n.{24} warn  noise \\{\\} suppressed=2\n");
  const std::string text = contents(path);
  CHECK_MESSAGE(std::regex_match(text, shape), text);

  {
    Logger log;
    REQUIRE(!log.open(path, LogLevel::info));
    std::filesystem::rename(path, path + ".1");
    log.reopen();
    log.info("after");
  }
  CHECK(contents(path).find("after") != std::string::npos);
  CHECK(contents(path + ".1") == text);
}

TEST_CASE("an output that is stuck loses lines and holds nobody up") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const auto began = std::chrono::steady_clock::now();
  {
    Logger log;
    REQUIRE(!log.open(fifo, LogLevel::info));
    const std::string big(900, 'x');
    for (int i = 0; i < 20'000; ++i) log.info("line", {{"big", big}});
    log.flush();
  }
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  ::close(reader);
}

TEST_CASE("a log that cannot be opened is an error in words") {
  Logger log;
  const auto failure = log.open("/nonexistent/x.log", LogLevel::info);
  REQUIRE(failure);
  CHECK(failure->sentence == "cannot open the log /nonexistent/x.log: No such file or directory");
}
