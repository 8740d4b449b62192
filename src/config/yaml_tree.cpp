#include "config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "config/text.hpp"

namespace marquee::config {
namespace {

// Ends the parse; travels through yaml-cpp's frames.
struct Stop {
  Problem problem;
};

class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::uint32_t file) : file_(file) {}

  NodePtr root;
  std::vector<Problem> problems;

  void OnDocumentStart(const YAML::Mark& at) override {
    if (!root) return;
    throw Stop{{mark(at),
                "the document ends above, and another begins here; keep one in a file, or mend the "
                "indentation or bracket here"}};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override {
    auto node = make(Node::Kind::null, at);
    put(anchor, node);
  }

  void OnAlias(const YAML::Mark& at, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Stop{{mark(at), "this alias stands inside its own anchor; write the value out"}};
    }
    expanded_ += found->second->weight;
    if (expanded_ > kMaxExpanded) {
      throw Stop{{mark(at), "aliases stand for more than " + std::to_string(kMaxExpanded) +
                                " values; write fewer aliases"}};
    }
    put(0, found->second, mark(at));
  }

  void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = make(Node::Kind::scalar, at);
    node->text = value;
    node->plain = tag == "?";
    if (tag != "?" && tag != "!") refuse_tag(at, tag);
    put(anchor, node);
  }

  void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(at, tag, anchor, Node::Kind::sequence);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(at, tag, anchor, Node::Kind::mapping);
  }
  void OnMapEnd() override { close(); }

  Mark mark(const YAML::Mark& at) const {
    return {file_, static_cast<std::uint32_t>(std::max(at.line, 0)) + 1,
            static_cast<std::uint32_t>(std::max(at.column, 0)) + 1};
  }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    NodePtr key;    // of a mapping, between key and value
    Mark key_mark;  // where the key stands (an alias may be the key)
    std::map<std::string, Mark> seen;
  };

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& at) const {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mark = mark(at);
    return node;
  }

  void refuse_tag(const YAML::Mark& at, const std::string& tag) {
    problems.push_back({mark(at), "the tag " + in_quotes(tag) +
                                      " is not read; remove it, and put quotes around a text"});
  }

  void open(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    if (tag != "?" && tag != "!") refuse_tag(at, tag);
    if (open_.size() >= kMaxNesting) {
      throw Stop{{mark(at), "nested deeper than " + std::to_string(kMaxNesting) +
                                " levels; no key of the settings lies that deep"}};
    }
    open_.push_back({make(kind, at), anchor, nullptr, {}, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    put(done.anchor, done.node);
  }

  void put(YAML::anchor_t anchor, const NodePtr& node) { put(anchor, node, node->mark); }

  void put(YAML::anchor_t anchor, const NodePtr& node, Mark at) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root = node;
      return;
    }
    Open& parent = open_.back();
    parent.node->weight += node->weight;
    if (parent.node->kind == Node::Kind::sequence) {
      parent.node->items.push_back(node);
    } else if (!parent.key) {
      parent.key = node;
      parent.key_mark = at;
    } else {
      add_entry(parent, node);
      parent.key = nullptr;
    }
  }

  void add_entry(Open& parent, const NodePtr& value) {
    const Mark at = parent.key_mark;
    const Node& key = *parent.key;
    if (key.kind != Node::Kind::scalar) {
      problems.push_back({at, "a key must be one word; write  name: value"});
    } else if (key.text == "<<" && key.plain) {
      problems.push_back(
          {at,
           "merge keys (<<) are not read; write the keys out, or use an alias for a whole value"});
    } else if (auto [first, fresh] = parent.seen.emplace(key.text, at); !fresh) {
      problems.push_back({at, in_quotes(key.text) + " is given twice (first in line " +
                                  std::to_string(first->second.line) + "); remove one of them"});
    } else {
      parent.node->entries.push_back({key.text, at, standing_at(at, value)});
    }
  }

  // yaml-cpp gives an empty value the place of whatever follows it.
  static NodePtr standing_at(Mark key, const NodePtr& value) {
    if (value->kind != Node::Kind::null) return value;
    auto moved = std::make_shared<Node>(*value);
    moved->mark = key;
    return moved;
  }

  std::uint32_t file_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
  std::size_t expanded_ = 0;
};

// Where a byte offset stands; columns count bytes, as yaml-cpp does.
Mark mark_of(const std::string& text, std::size_t offset, std::uint32_t file) {
  Mark at{file, 1, 1};
  for (std::size_t i = 0; i < offset; ++i) {
    ++at.column;
    if (text[i] == '\n') at = {file, at.line + 1, 1};
  }
  return at;
}

// Length of the UTF-8 character at `i` (RFC 3629), 0 if it is not one.
std::size_t utf8_length(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
  };
  const auto tail = [&](std::size_t k) { return (byte(k) & 0xC0u) == 0x80u; };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) {
    const bool shortest = b != 0xE0 || byte(1) >= 0xA0;
    const bool surrogate = b == 0xED && byte(1) >= 0xA0;
    return tail(1) && tail(2) && shortest && !surrogate ? 3 : 0;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    const bool in_range = (b != 0xF0 || byte(1) >= 0x90) && (b != 0xF4 || byte(1) <= 0x8F);
    return tail(1) && tail(2) && tail(3) && in_range ? 4 : 0;
  }
  return 0;
}

// yaml-cpp ends silently at byte 4 and passes broken UTF-8 on.
bool allowed_bytes(const std::string& text, std::uint32_t file, std::vector<Problem>& problems) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text, i);
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (length == 0) {
      problems.push_back(
          {mark_of(text, i, file), "a byte that is not UTF-8; save the file as UTF-8"});
      return false;
    }
    if (control) {
      problems.push_back({mark_of(text, i, file), "the control character " +
                                                      in_quotes(text.substr(i, 1)) +
                                                      " is not allowed here; remove it"});
      return false;
    }
    i += length;
  }
  return true;
}

// A tab before the first letter is the usual reason.
bool tab_indented(const std::string& text, std::uint32_t line) {
  std::istringstream in(text);
  std::string row;
  for (std::uint32_t n = 1; n <= line && std::getline(in, row); ++n) {
    const auto first = row.find_first_not_of(" \t");
    if (n + 1 >= line && row.substr(0, std::min(first, row.size())).find('\t') != std::string::npos)
      return true;
  }
  return false;
}

std::string syntax_fault(const std::string& message, const std::string& text, std::uint32_t line) {
  if (message.find("anchor is not defined") != std::string::npos) {
    return "this alias has no anchor; write &name before the value that *name stands for";
  }
  const std::string what = "not valid YAML (" + message + "); ";
  if (tab_indented(text, line)) return what + "indent with spaces, not with tabs";
  return what +
         "check the indentation here and in the line above, and put quotes around a text with "
         "special characters";
}

}  // namespace

const Node::Entry* Node::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

Tree parse_yaml(const std::string& text, std::uint32_t file) {
  Tree tree;
  if (!allowed_bytes(text, file, tree.problems)) return tree;
  Builder builder(file);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
    tree.root = builder.root ? builder.root : std::make_shared<const Node>();
    tree.problems = std::move(builder.problems);
  } catch (const Stop& stop) {
    tree.problems = {stop.problem};
  } catch (const YAML::Exception& fault) {
    const Mark at = builder.mark(fault.mark);
    tree.problems = {{at, syntax_fault(fault.msg, text, at.line)}};
  }
  return tree;
}

}  // namespace marquee::config
