#include "base/log_writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using marquee::base::LogWriter;
using marquee::base::WorkerLog;

namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/marquee-log-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return path + "/" + name; }
  std::string path;
};

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool append(WorkerLog& log, std::string_view line) {
  char* const at = log.reserve(line.size());
  if (!at) return false;
  std::memcpy(at, line.data(), line.size());
  log.commit(line.size());
  return true;
}

// Waits for another thread's work; the bound only ends a test that fails.
void eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (!condition() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  CHECK(condition());
}

}  // namespace

TEST_CASE("records of all workers reach the file, whole and in each worker's order") {
  const TemporaryDirectory directory;
  constexpr int workers = 3, records = 20'000;
  LogWriter writer({directory.file("access.log"), 64u << 20, workers});
  REQUIRE(!writer.start());
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w) {
    threads.emplace_back([&, w] {
      WorkerLog& log = writer.worker(static_cast<std::size_t>(w));
      for (int i = 0; i < records; ++i) {
        append(log, std::to_string(w) + " " + std::to_string(i) + "\n");
      }
      log.flush();
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(writer.stop(10s));

  const auto stats = writer.stats();
  CHECK(stats.lost() == 0);
  CHECK(stats.written_records == workers * records);
  std::vector<int> next(workers, 0);
  std::ifstream in(directory.file("access.log"));
  int w = 0, i = 0;
  bool ordered = true;
  while (in >> w >> i) ordered = ordered && i == next.at(static_cast<std::size_t>(w))++;
  CHECK(ordered);
  CHECK(next == std::vector<int>(workers, records));
  struct stat s {};
  REQUIRE(::stat(directory.file("access.log").c_str(), &s) == 0);
  CHECK((s.st_mode & 0007) == 0);
}

TEST_CASE("a record waits at most a second for a full buffer") {
  const TemporaryDirectory directory;
  LogWriter writer({directory.file("access.log"), 1u << 20, 1});
  REQUIRE(!writer.start());
  WorkerLog& log = writer.worker(0);
  std::chrono::steady_clock::time_point now{5s};
  log.tick(now);
  append(log, "one\n");
  log.tick(now + 999ms);
  log.tick(now + 1000ms);
  eventually([&] { return contents(directory.file("access.log")) == "one\n"; });
}

TEST_CASE(
    "a pipe that nobody reads: records drop, the worker never waits, stop keeps its deadline") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  LogWriter writer({fifo, 256u << 10, 1});  // four buffers
  REQUIRE(!writer.start());
  WorkerLog& log = writer.worker(0);
  const std::string line = std::string(999, 'x') + "\n";
  std::uint64_t taken = 0, refused = 0;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) ++(append(log, line) ? taken : refused);
  log.flush();
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  CHECK(refused > 1000);  // 2 MB offered, 256 KiB of buffers and 64 KiB of pipe
  CHECK(!writer.stop(20ms));
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  const auto stats = writer.stats();
  CHECK(stats.dropped.at(0) == refused);
  CHECK(stats.written_records + stats.failed_records == taken);
  CHECK(stats.failed_records > 0);

  // What did arrive are whole lines, but for the last.
  std::string got(1u << 20, '\0');
  const ssize_t n = ::read(reader, got.data(), got.size());
  REQUIRE(n > 0);
  CHECK(got.compare(0, line.size(), line) == 0);
  CHECK(static_cast<std::uint64_t>(n) == stats.written_bytes);
  ::close(reader);
}

TEST_CASE("a slow pipe that is read again delivers everything that was taken") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  LogWriter writer({fifo, 512u << 10, 1});
  REQUIRE(!writer.start());
  const std::string line = std::string(499, 'y') + "\n";
  std::uint64_t taken = 0;
  for (int i = 0; i < 2000; ++i) taken += append(writer.worker(0), line) ? 1u : 0u;
  writer.worker(0).flush();
  std::uint64_t got = 0;
  std::string chunk(1u << 16, '\0');
  eventually([&] {
    const ssize_t n = ::read(reader, chunk.data(), chunk.size());
    if (n > 0) got += static_cast<std::uint64_t>(n);
    return got == taken * line.size();
  });
  CHECK(writer.stop(10s));
  CHECK(writer.stats().failed_records == 0);
  ::close(reader);
}

TEST_CASE("a full disk loses records and counts them") {
  LogWriter writer({"/dev/full", 1u << 20, 1});
  REQUIRE(!writer.start());
  for (int i = 0; i < 100; ++i) append(writer.worker(0), "a line\n");
  writer.worker(0).flush();
  writer.stop(10s);
  CHECK(writer.stats().failed_records == 100);
  CHECK(writer.stats().last_error == ENOSPC);
  CHECK(writer.stats().written_records == 0);
}

TEST_CASE("a reader that left costs records, not the process") {
  const TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  LogWriter writer({fifo, 1u << 20, 1});
  REQUIRE(!writer.start());
  ::close(reader);
  append(writer.worker(0), "a line\n");
  writer.worker(0).flush();
  writer.stop(10s);
  CHECK(writer.stats().last_error == EPIPE);
  CHECK(writer.stats().failed_records == 1);
}

TEST_CASE("reopen after a rename writes to a new file; a failed reopen keeps the old") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("access.log"), rotated = directory.file("access.log.1");
  LogWriter writer({path, 1u << 20, 1});
  REQUIRE(!writer.start());
  append(writer.worker(0), "before\n");
  writer.worker(0).flush();
  eventually([&] { return contents(path) == "before\n"; });

  std::filesystem::rename(path, rotated);
  writer.reopen();
  append(writer.worker(0), "after\n");
  writer.worker(0).flush();
  eventually([&] { return contents(path) == "after\n"; });
  CHECK(contents(rotated) == "before\n");

  std::filesystem::rename(path, directory.file("access.log.2"));
  std::filesystem::create_directory(path);  // cannot be opened as a file
  writer.reopen();
  eventually([&] { return writer.stats().reopen_failures == 1; });
  append(writer.worker(0), "kept\n");
  writer.worker(0).flush();
  CHECK(writer.stop(10s));
  CHECK(contents(directory.file("access.log.2")) == "after\nkept\n");
}

TEST_CASE("another target takes over, unless it cannot be opened") {
  const TemporaryDirectory directory;
  const std::string one = directory.file("one"), two = directory.file("two");
  LogWriter writer({one, 1u << 20, 1});
  REQUIRE(!writer.start());
  append(writer.worker(0), "first\n");
  writer.worker(0).flush();
  eventually([&] { return contents(one) == "first\n"; });
  REQUIRE(!writer.redirect(two));
  CHECK(writer.target() == two);
  append(writer.worker(0), "second\n");
  writer.worker(0).flush();
  eventually([&] { return contents(two) == "second\n"; });
  const auto failure = writer.redirect("/nonexistent/log");
  REQUIRE(failure);
  CHECK(failure->sentence.find("cannot open the access log /nonexistent/log: ") == 0);
  CHECK(writer.target() == two);
  append(writer.worker(0), "third\n");
  writer.worker(0).flush();
  CHECK(writer.stop(10s));
  CHECK(contents(two) == "second\nthird\n");
  CHECK(contents(one) == "first\n");
}

TEST_CASE("a target that cannot be opened is an error in words") {
  LogWriter writer({"/nonexistent/access.log", 1u << 20, 1});
  const auto failure = writer.start();
  REQUIRE(failure);
  CHECK(failure->sentence ==
        "cannot open the access log /nonexistent/access.log: No such file or directory");
}
