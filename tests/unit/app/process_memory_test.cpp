#include "app/process_memory.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

using namespace marquee::app;
namespace fs = std::filesystem;

namespace {

// A machine's files under a folder of their own.
struct Machine {
  Machine() {
    char name[] = "/tmp/marquee-memory-XXXXXX";
    root = ::mkdtemp(name);
    write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:  1 kB\n");
  }
  ~Machine() { fs::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    const fs::path file = fs::path(root) / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::string root;
};

constexpr std::uint64_t machine = 16'000'000ull * 1024;

}  // namespace

TEST_CASE("memory available: the least of all groups above the process, and the machine") {
  const Machine m;
  CHECK(memory_available(m.root) == machine);
  SUBCASE("v2") {
    m.write("proc/self/cgroup", "0::/pod/box\n");
    m.write("sys/fs/cgroup/pod/box/memory.max", "max\n");
    CHECK(memory_available(m.root) == machine);
    m.write("sys/fs/cgroup/pod/memory.max", "1000000\n");
    CHECK(memory_available(m.root) == 1'000'000);
    m.write("sys/fs/cgroup/pod/box/memory.max", "900000\n");
    CHECK(memory_available(m.root) == 900'000);
  }
  SUBCASE("v2 in a namespace of its own") {
    m.write("proc/self/cgroup", "0::/\n");
    m.write("sys/fs/cgroup/memory.max", "700000\n");
    CHECK(memory_available(m.root) == 700'000);
  }
  SUBCASE("v1, where no limit is a huge number") {
    m.write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:hugetlb,memory:/a\n0::/\n");
    m.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(memory_available(m.root) == machine);
    m.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "500000\n");
    CHECK(memory_available(m.root) == 500'000);
  }
  SUBCASE("nonsense is no limit") {
    m.write("proc/self/cgroup", "\n:\n::\n0::x\n0::/a\n");
    m.write("sys/fs/cgroup/a/memory.max", "lots\n");
    CHECK(memory_available(m.root) == machine);
  }
}

TEST_CASE("the mark is the setting, or nine tenths of what there is") {
  CHECK(memory_mark(0, 1000) == 900);
  CHECK(memory_mark(5000, 1000) == 5000);
  CHECK(resident_memory() > 1u << 20);
}
