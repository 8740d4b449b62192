// Ports for tests: a fixed environment, files in memory, and files below one
// folder so that messages carry short paths.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "config/system_ports.hpp"

namespace marquee::config {

struct FixedEnvironment final : Environment {
  std::map<std::string, std::string> values;
  explicit FixedEnvironment(const std::vector<std::pair<std::string, std::string>>& v = {})
      : values(v.begin(), v.end()) {}
  std::optional<std::string> variable(const std::string& name) const override {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  }
};

struct MemoryFiles final : Files {
  std::map<std::string, std::string> content;
  MemoryFiles(std::map<std::string, std::string> c) : content(std::move(c)) {}
  FileContent read(const std::string& path, std::size_t most) const override {
    const auto found = content.find(path);
    if (found == content.end()) return {std::nullopt, "No such file or directory"};
    if (found->second.size() > most)
      return {std::nullopt, "it is larger than " + std::to_string(most) + " bytes"};
    return {found->second, {}};
  }
  std::string unreadable(const std::string& path) const override {
    return content.count(path) != 0 ? "" : "No such file or directory";
  }
  // Knows one form of pattern: FOLDER/*.yaml.
  std::vector<std::string> match(const std::string& pattern, std::size_t) const override {
    std::vector<std::string> out;
    const auto folder = std::filesystem::path(pattern).parent_path();
    for (const auto& [path, text] : content) {
      if (std::filesystem::path(path).parent_path() == folder) out.push_back(path);
    }
    return out;
  }
  std::string identity(const std::string& path) const override { return path; }
};

struct RootedFiles final : Files {
  std::filesystem::path root;
  SystemFiles system;
  explicit RootedFiles(std::filesystem::path r) : root(std::move(r)) {}
  std::string below(const std::string& path) const { return (root / path).string(); }
  FileContent read(const std::string& path, std::size_t most) const override {
    return system.read(below(path), most);
  }
  std::string unreadable(const std::string& path) const override {
    return system.unreadable(below(path));
  }
  std::vector<std::string> match(const std::string& pattern, std::size_t most) const override {
    auto out = system.match(below(pattern), most);
    for (auto& path : out) path = std::filesystem::path(path).lexically_relative(root).string();
    return out;
  }
  std::string identity(const std::string& path) const override {
    return system.identity(below(path));
  }
};

}  // namespace marquee::config
