// The ports of the reader on a POSIX system: this process's environment and
// the file system.
#pragma once
#include "config/ports.hpp"

namespace marquee::config {

class SystemEnvironment final : public Environment {
 public:
  std::optional<std::string> variable(const std::string& name) const override;
};

class SystemFiles final : public Files {
 public:
  FileContent read(const std::string& path, std::size_t most) const override;
  std::string unreadable(const std::string& path) const override;
  std::vector<std::string> match(const std::string& pattern, std::size_t most) const override;
  std::string identity(const std::string& path) const override;
};

}  // namespace marquee::config
