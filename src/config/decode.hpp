// Puts a parsed YAML tree into the settings, key by key, by the description.
// Every fault is reported and the rest is read on; a value that is at fault
// leaves its default.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/description.hpp"
#include "config/ports.hpp"
#include "config/yaml_tree.hpp"

namespace marquee::config {

class Decoder {
 public:
  // `folder` is that of the file: relative paths are joined to it. `files`
  // gives the names that marks refer to.
  Decoder(const Environment& environment, const Files& disk, const std::vector<std::string>& files,
          std::string folder, std::vector<Problem>& problems)
      : environment_(environment),
        disk_(disk),
        files_(files),
        folder_(std::move(folder)),
        problems_(problems) {}

  // `where` names the section in messages; empty for the top level.
  void section(const Node& node, const Section& section, const std::string& where);

  // One key's value.
  void value(const Node& node, const Key& key, const std::string& where);

  // A scalar's text with variables put in; nothing (and a problem) if it is none.
  struct Scalar {
    std::string text;
    bool plain = true;
    bool ok = false;
  };
  Scalar scalar(const Node& node, const std::string& where, std::string_view must_be);

  std::string resolve(const std::string& path) const;

 private:
  void read(const Node&, const Key&, const Flag&, const std::string& where);
  void read(const Node&, const Key&, const Number&, const std::string& where);
  void read(const Node&, const Key&, const Decimal&, const std::string& where);
  void read(const Node&, const Key&, const Size&, const std::string& where);
  void read(const Node&, const Key&, const Duration&, const std::string& where);
  void read(const Node&, const Key&, const Text&, const std::string& where);
  void read(const Node&, const Key&, const SecretFile&, const std::string& where);
  void read(const Node&, const Key&, const Choice&, const std::string& where);
  void read(const Node&, const Key&, const Texts&, const std::string& where);
  void read(const Node&, const Key&, const FieldMap&, const std::string& where);
  void read(const Node&, const Key&, const Section&, const std::string& where);
  void read(const Node&, const Key&, const Items&, const std::string& where);
  void read(const Node&, const Key&, const Named&, const std::string& where);

  void keys(const Node& node, const Section& section, const std::string& where);
  void unknown(const Node::Entry& entry, const Section& section, const std::string& where);
  void field_value(const Node& node, const std::string& name, Fields& fields,
                   const std::string& where);
  bool usable_text(const Scalar& scalar, const Node& node, Rule rule, bool secret,
                   const std::string& where);
  void fault(Mark at, std::string sentence) { problems_.push_back({at, std::move(sentence)}); }

  const Environment& environment_;
  const Files& disk_;
  const std::vector<std::string>& files_;
  std::string folder_;
  std::vector<Problem>& problems_;
};

// "limits.head"; the key alone at the top level.
std::string join(const std::string& where, std::string_view key);

}  // namespace marquee::config
