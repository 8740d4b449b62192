// Sections, lists and maps; scalars are in decode_scalar.cpp.
#include "config/decode.hpp"

#include <algorithm>
#include <filesystem>

#include "base/suggest.hpp"
#include "config/field_rules.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

// What a value is, in a sentence.
std::string kind_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "empty";
    case Node::Kind::scalar:
      return in_quotes(node.text);
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::mapping:
      return "a mapping";
  }
  return {};
}

bool is_upstream_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

std::string key_list(const std::vector<std::string_view>& names) {
  std::string out;
  for (auto name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

// "below limits or below timeouts"
std::string place_list(const std::vector<std::string>& places) {
  std::string out;
  for (const auto& place : places) {
    out += (out.empty() ? "" : " or ") +
           (place.empty() ? std::string("at the top level") : "below " + place);
  }
  return out;
}

// Advice costs a search; a file with so many unknown keys is another sort of file.
constexpr std::size_t kMaxAdvised = 200;

// A default as it would be written.
struct Default {
  std::string operator()(const Flag& f) const { return *f.value ? "true" : "false"; }
  std::string operator()(const Number& n) const { return std::to_string(n.now); }
  std::string operator()(const Decimal& d) const { return show_decimal(*d.value); }
  std::string operator()(const Size& s) const { return show_size(s.now); }
  std::string operator()(const Duration& d) const { return show_duration(*d.value); }
  std::string operator()(const Text& t) const { return t.now; }
  std::string operator()(const Choice& c) const { return std::string(c.words[c.now]); }
  std::string operator()(const auto&) const { return {}; }
};

// A value to write: the example, or the default.
std::string sample(const Key& key) {
  return key.example.empty() ? std::visit(Default{}, key.type) : std::string(key.example);
}

// "key: value" to write.
std::string example_of(const Key& key) {
  const std::string value = sample(key);
  return std::string(key.name) + (value.empty() ? "" : ": " + value);
}

}  // namespace

std::string join(const std::string& where, std::string_view key) {
  const bool plain = key.size() <= 64 && !has_control(key);
  return (where.empty() ? "" : where + ".") + (plain ? std::string(key) : in_quotes(key));
}

std::string Decoder::resolve(const std::string& path) const {
  if (path.empty() || path[0] == '/') return path;
  return (std::filesystem::path(folder_) / path).lexically_normal().string();
}

void Decoder::section(const Node& node, const Section& section, const std::string& where) {
  if (section.mark != nullptr) *section.mark = node.mark;
  if (node.kind == Node::Kind::mapping) return keys(node, section, where);
  const auto shorthand = std::find_if(section.keys.begin(), section.keys.end(),
                                      [&](const Key& k) { return k.name == section.shorthand; });
  if (shorthand != section.keys.end() && node.kind != Node::Kind::null) {
    return value(node, *shorthand, join(where, shorthand->name));
  }
  // A section whose keys are all commented out says nothing.
  if (node.kind == Node::Kind::null && std::none_of(section.keys.begin(), section.keys.end(),
                                                    [](const Key& k) { return k.required; })) {
    return;
  }
  if (where.empty()) {
    return fault(node.mark, "the file is " + kind_of(node) +
                                ", but must be a mapping; write keys such as listeners and "
                                "upstreams at the beginning of lines");
  }
  fault(node.mark, where + " is " + kind_of(node) +
                       ", but must be a mapping; write its keys below it, such as " +
                       example_of(section.keys.front()));
}

void Decoder::keys(const Node& node, const Section& section, const std::string& where) {
  for (const auto& entry : node.entries) {
    const auto key = std::find_if(section.keys.begin(), section.keys.end(),
                                  [&](const Key& k) { return k.name == entry.key; });
    if (key == section.keys.end()) {
      unknown(entry, section, where);
      continue;
    }
    const auto* secret = std::get_if<SecretFile>(&key->type);
    if (secret != nullptr && node.find(secret->instead_of) != nullptr) {
      fault(entry.mark, join(where, key->name) + " stands beside " +
                            std::string(secret->instead_of) + "; remove one of them");
      continue;
    }
    value(*entry.value, *key, join(where, key->name));
  }
  for (const auto& key : section.keys) {
    if (key.required && node.find(key.name) == nullptr) {
      fault(node.mark,
            where + " has no \"" + std::string(key.name) + "\"; write " + example_of(key));
    }
  }
}

void Decoder::unknown(const Node::Entry& entry, const Section& section, const std::string& where) {
  const std::string what =
      in_quotes(entry.key) + " is not a key of " + (where.empty() ? "the settings" : where) + "; ";
  if (problems_.size() > kMaxAdvised) return fault(entry.mark, what + "remove it");
  std::vector<std::string_view> names;
  for (const auto& key : section.keys) names.push_back(key.name);
  if (const auto places = places_of(entry.key); !places.empty() && places.size() <= 3) {
    return fault(entry.mark, what + "it belongs " + place_list(places));
  }
  const auto meant = base::did_you_mean(entry.key, names);
  fault(entry.mark, what + (meant.empty() ? "the keys here are " + key_list(names)
                                          : "did you mean \"" + std::string(meant) + "\"?"));
}

void Decoder::value(const Node& node, const Key& key, const std::string& where) {
  std::visit([&](const auto& type) { read(node, key, type, where); }, key.type);
}

void Decoder::read(const Node& node, const Key&, const Section& type, const std::string& where) {
  section(node, type, where);
}

void Decoder::read(const Node& node, const Key& key, const Texts& type, const std::string& where) {
  const auto one = [&](const Node& item, const std::string& at) {
    const Scalar text = scalar(item, at, "a text");
    if (usable_text(text, item, type.rule, type.secret, at)) type.add(text.text, item.mark);
  };
  if (node.kind == Node::Kind::scalar) return one(node, where);
  if (node.kind == Node::Kind::sequence) {
    if (node.items.empty() && key.required) {
      fault(node.mark,
            where + " is an empty list; write at least one, such as " + std::string(key.example));
    }
    for (std::size_t i = 0; i < node.items.size(); ++i)
      one(*node.items[i], where + "[" + std::to_string(i) + "]");
    return;
  }
  if (node.kind == Node::Kind::null && !key.required) return;
  fault(node.mark, where + " is " + kind_of(node) +
                       ", but must be a list of texts; write for example [" +
                       std::string(key.example) + "]");
}

void Decoder::read(const Node& node, const Key& key, const Items& type, const std::string& where) {
  if (node.kind == Node::Kind::sequence) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      section(*node.items[i], type.add(), where + "[" + std::to_string(i) + "]");
    }
    return;
  }
  if (!type.single.empty() && node.kind == Node::Kind::mapping)
    return section(node, type.add(), where);
  if (!type.word.empty()) {
    if (node.kind == Node::Kind::scalar) {
      const Scalar text = scalar(node, where, "a text");
      if (!text.ok || text.text == type.word) return;
    }
    const Section item = type.add();
    return fault(node.mark, where + " is " + kind_of(node) + "; write " + std::string(type.word) +
                                ", or { " + std::string(item.keys[0].name) + ": ..., " +
                                std::string(item.keys[1].name) + ": ... }");
  }
  if (node.kind == Node::Kind::null) return;
  fault(node.mark, where + " is " + kind_of(node) + ", but must be a list; write each of the " +
                       std::string(key.name) + " after a dash");
}

void Decoder::read(const Node& node, const Key& key, const Named& type, const std::string& where) {
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::mapping) {
    return fault(node.mark, where + " is " + kind_of(node) +
                                ", but must be a mapping; write each of the " +
                                std::string(key.name) + " as  name: value");
  }
  for (const auto& entry : node.entries) {
    const std::string at = join(where, entry.key);
    if (!is_upstream_name(entry.key)) {
      fault(entry.mark, in_quotes(entry.key) + " cannot be a name below " + where +
                            "; write at most 64 letters, digits and - _ .");
    } else if (const Mark* first = type.find(entry.key); first != nullptr) {
      fault(entry.mark, at + " is given already, at " + files_[first->file] + ":" +
                            std::to_string(first->line) + ":" + std::to_string(first->column) +
                            "; remove or rename one of them");
    } else {
      section(*entry.value, type.add(entry.key, entry.mark), at);
    }
  }
}

void Decoder::read(const Node& node, const Key& key, const FieldMap& type,
                   const std::string& where) {
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::mapping) {
    return fault(node.mark, where + " is " + kind_of(node) +
                                ", but must be a mapping; write for example " +
                                std::string(key.example));
  }
  std::vector<std::pair<std::string, std::string>> seen;  // lower case, as written
  for (const auto& entry : node.entries) {
    const std::string at = join(where, entry.key);
    if (const auto wrong = field_name_fault(entry.key, type.target); !wrong.empty()) {
      fault(entry.mark, where + " names " + in_quotes(entry.key) + ", " + wrong);
      continue;
    }
    const std::string lower = lower_case(entry.key);
    const auto twin =
        std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return s.first == lower; });
    if (twin != seen.end()) {
      fault(entry.mark, where + " names " + in_quotes(entry.key) + ", which is the same field as " +
                            in_quotes(twin->second) + "; remove one of them");
      continue;
    }
    seen.emplace_back(lower, entry.key);
    if (type.many && entry.value->kind == Node::Kind::sequence) {
      const auto& items = entry.value->items;
      for (std::size_t i = 0; i < items.size(); ++i) {
        field_value(*items[i], entry.key, *type.fields, at + "[" + std::to_string(i) + "]");
      }
    } else {
      field_value(*entry.value, entry.key, *type.fields, at);
    }
  }
}

void Decoder::field_value(const Node& node, const std::string& name, Fields& fields,
                          const std::string& where) {
  const Scalar text = scalar(node, where, "a text");
  if (!text.ok) return;
  if (const auto wrong = field_value_fault(text.text); !wrong.empty()) {
    return fault(node.mark, where + " is " + in_quotes(text.text) + ", " + wrong);
  }
  fields.emplace_back(name, text.text);
}

}  // namespace marquee::config
