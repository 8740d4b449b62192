#include "app/process_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace marquee::app {
namespace {

constexpr std::uint64_t unlimited = UINT64_MAX;

// "max", an absent file and nonsense are no limit.
std::uint64_t limit_in(const std::string& path) {
  std::ifstream in(path);
  std::uint64_t bytes = 0;
  return in >> bytes && bytes > 0 ? bytes : unlimited;
}

// Of `group` ("/a/b") and every group above it: the least binds.
std::uint64_t least_above(const std::string& mount, std::string group, const char* file) {
  std::uint64_t least = limit_in(mount + "/" + file);
  while (group.size() > 1) {
    least = std::min(least, limit_in(mount + group + "/" + file));
    group.resize(group.rfind('/'));
  }
  return least;
}

// Lines are "0::/a/b" (v2) and "4:memory:/a/b" (v1); see cgroups(7).
std::uint64_t group_limit(const std::string& root) {
  std::uint64_t least = unlimited;
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (group.empty() || group.front() != '/') continue;
    if (controllers.empty())
      least = std::min(least, least_above(root + "/sys/fs/cgroup", group, "memory.max"));
    if (("," + controllers + ",").find(",memory,") != std::string::npos)
      least = std::min(least,
                       least_above(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  return least;
}

std::uint64_t machine_memory(const std::string& root) {
  std::ifstream in(root + "/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    if (words >> key >> kib && key == "MemTotal:") return kib * 1024;
  }
  return unlimited;
}

}  // namespace

std::uint64_t resident_memory() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  if (!(in >> size >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t memory_available(const std::string& root) {
  return std::min(group_limit(root), machine_memory(root));
}

}  // namespace marquee::app
