// What the reader needs of the world. Both ports are passed in, so that tests
// and fuzzers read settings without touching the environment or the disk.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::config {

class Environment {
 public:
  virtual ~Environment() = default;
  // The variable's value; nothing if it is not set. Never fails.
  virtual std::optional<std::string> variable(const std::string& name) const = 0;
};

struct FileContent {
  std::optional<std::string> bytes;
  std::string
      why;  // if there are no bytes: the reason, without the path ("No such file or directory")
};

// Called from one thread at a time; answers are not cached.
class Files {
 public:
  virtual ~Files() = default;
  // The whole file. One of more than `most` bytes, and anything but a regular
  // file or a pipe, is refused with a reason.
  virtual FileContent read(const std::string& path, std::size_t most) const = 0;
  // Empty if the file could be read now, else the reason.
  virtual std::string unreadable(const std::string& path) const = 0;
  // Paths that match a shell pattern, sorted; at most `most`.
  virtual std::vector<std::string> match(const std::string& pattern, std::size_t most) const = 0;
  // One name for one file however it is reached (links resolved); the path
  // itself where that cannot be told.
  virtual std::string identity(const std::string& path) const = 0;
};

}  // namespace marquee::config
