// One YAML document as a tree that keeps where everything stands. yaml-cpp
// parses; what it lets pass is refused here: duplicate and merge keys, tags,
// keys that are not single words, more than one document, bytes that YAML
// does not allow, deep nesting, and aliases that multiply.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace marquee::config {

struct Node;
using NodePtr = std::shared_ptr<const Node>;  // shared by the aliases of an anchor

struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  struct Entry {
    std::string key;
    Mark mark;  // of the key
    NodePtr value;
  };
  Kind kind = Kind::null;
  Mark mark;
  std::string text;   // of a scalar
  bool plain = true;  // a scalar without quotes
  std::vector<NodePtr> items;
  std::vector<Entry> entries;  // keys are unique
  std::size_t weight = 1;      // nodes, aliases expanded

  const Entry* find(std::string_view key) const;
};

struct Tree {
  NodePtr root;  // absent if the text could not be parsed; null for an empty document
  std::vector<Problem> problems;
};

constexpr std::size_t kMaxNesting = 32;
constexpr std::size_t kMaxExpanded = 100'000;  // nodes that aliases of one file stand for
constexpr std::size_t kMaxFileSize = 16u << 20;

// `file` is the index that marks carry. The text is at most kMaxFileSize long.
Tree parse_yaml(const std::string& text, std::uint32_t file);

}  // namespace marquee::config
