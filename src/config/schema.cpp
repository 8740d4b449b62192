#include "config/schema.hpp"

#include <vector>

#include "config/description.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

// Writes JSON in the order it is told, two spaces a level.
class Writer {
 public:
  void open(char bracket) {
    out_ += bracket;
    first_.push_back(true);
  }
  void close(char bracket) {
    const bool empty = first_.back();
    first_.pop_back();
    if (!empty) line();
    out_ += bracket;
  }
  void key(std::string_view name) {
    item();
    string(name);
    out_ += ": ";
  }
  void item() {
    if (!first_.back()) out_ += ',';
    first_.back() = false;
    line();
  }
  void string(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;  // descriptions hold no control characters
    }
    out_ += '"';
  }
  void raw(std::string_view text) { out_ += text; }
  void member(std::string_view name, std::string_view text) {
    key(name);
    string(text);
  }
  void member_raw(std::string_view name, const std::string& json) {
    key(name);
    raw(json);
  }
  std::string take() { return std::move(out_) + "\n"; }

 private:
  void line() {
    out_ += '\n';
    out_.append(2 * first_.size(), ' ');
  }
  std::string out_;
  std::vector<bool> first_;
};

constexpr std::string_view kVariable = R"({ "$ref": "#/$defs/variable" })";

class SchemaPrinter {
 public:
  std::string run() {
    Settings settings;
    std::vector<Marked<std::string>> includes;
    w_.open('{');
    w_.member("$schema", "https://json-schema.org/draft/2020-12/schema");
    w_.member("title", "Marquee settings");
    members(Section{describe(settings, includes)});
    w_.key("$defs");
    w_.open('{');
    definition("variable", "A value that holds an environment variable.", R"(\$\{)");
    definition("duration", "A whole number with ms, s, m, h or d; or 0.",
               "^([0-9]+(ms|s|m|h|d)|0)$");
    definition("size", "A whole number with KiB, MiB or GiB.", "^[0-9]+(KiB|MiB|GiB)$");
    w_.close('}');
    w_.close('}');
    return w_.take();
  }

 private:
  void definition(std::string_view name, std::string_view doc, std::string_view pattern) {
    w_.key(name);
    w_.open('{');
    w_.member("description", doc);
    w_.member("type", "string");
    w_.member("pattern", pattern);
    w_.close('}');
  }

  void any_of(const std::vector<std::string>& choices) {
    w_.key("anyOf");
    w_.open('[');
    for (const auto& choice : choices) {
      w_.item();
      w_.raw(choice);
    }
    w_.close(']');
  }

  // The members that make a schema an object with these keys and no others.
  void members(const Section& section) {
    w_.member_raw("type", section.keys.empty() ? "\"object\""
                          : required(section)  ? "\"object\""
                                               : R"(["object", "null"])");
    w_.member_raw("additionalProperties", "false");
    if (required(section)) {
      w_.key("required");
      w_.open('[');
      for (const auto& key : section.keys) {
        if (!key.required) continue;
        w_.item();
        w_.string(key.name);
      }
      w_.close(']');
    }
    w_.key("properties");
    w_.open('{');
    for (const auto& key : section.keys) {
      w_.key(key.name);
      w_.open('{');
      w_.member("description", key.doc);
      std::visit([&](const auto& type) { print(key, type); }, key.type);
      w_.close('}');
    }
    w_.close('}');
  }

  static bool required(const Section& section) {
    for (const auto& key : section.keys) {
      if (key.required) return true;
    }
    return false;
  }

  // As an object, or as what its shorthand stands for.
  void section(const Section& s) {
    for (const auto& key : s.keys) {
      if (key.name != s.shorthand) continue;
      w_.key("anyOf");
      w_.open('[');
      w_.item();
      w_.open('{');
      std::visit([&](const auto& type) { print(key, type); }, key.type);
      w_.close('}');
      w_.item();
      w_.open('{');
      members(s);
      w_.close('}');
      w_.close(']');
      return;
    }
    members(s);
  }

  void print(const Key&, const Flag& f) {
    w_.member_raw("default", *f.value ? "true" : "false");
    any_of({R"({ "type": "boolean" })", std::string(kVariable)});
  }
  void print(const Key&, const Number& n) {
    const std::uint64_t least = n.word.empty() ? n.least : n.least + 1;
    const bool word = !n.word.empty() && n.now == n.least;
    w_.member_raw("default", word ? "\"" + std::string(n.word) + "\"" : std::to_string(n.now));
    std::vector<std::string> choices{R"({ "type": "integer", "minimum": )" + std::to_string(least) +
                                     R"(, "maximum": )" + std::to_string(n.most) + " }"};
    if (!n.word.empty()) choices.push_back(R"({ "const": ")" + std::string(n.word) + "\" }");
    choices.emplace_back(kVariable);
    any_of(choices);
  }
  void print(const Key&, const Decimal& d) {
    w_.member_raw("default", show_decimal(*d.value));
    any_of({R"({ "type": "number", "minimum": )" + show_decimal(d.least) + R"(, "maximum": )" +
                show_decimal(d.most) + " }",
            std::string(kVariable)});
  }
  void print(const Key&, const Size& s) {
    const bool word = !s.word.empty() && s.now == 0;
    w_.member("default", word ? std::string(s.word) : show_size(s.now));
    std::vector<std::string> choices{R"({ "type": "integer", "minimum": )" +
                                         std::to_string(s.least) + R"(, "maximum": )" +
                                         std::to_string(s.most) + " }",
                                     R"({ "$ref": "#/$defs/size" })"};
    if (!s.word.empty()) choices.push_back(R"({ "const": ")" + std::string(s.word) + "\" }");
    choices.emplace_back(kVariable);
    any_of(choices);
  }
  void print(const Key&, const Duration& d) {
    w_.member("default", show_duration(*d.value));
    std::vector<std::string> choices{R"({ "$ref": "#/$defs/duration" })"};
    if (d.zero || d.least.count() == 0) choices.emplace_back(R"({ "const": 0 })");
    choices.emplace_back(kVariable);
    any_of(choices);
  }
  void print(const Key& key, const Text& t) {
    w_.member_raw("type", R"(["string", "number"])");
    if (key.required) w_.member_raw("minLength", "1");
    if (!t.secret && !t.now.empty()) w_.member("default", t.now);
  }
  void print(const Key&, const SecretFile&) { w_.member("type", "string"); }
  void print(const Key&, const Choice& c) {
    w_.member_raw("default", word(c.words[c.now], false));
    std::string all;
    for (const auto choice : c.words) {
      const std::string plain = word(choice, true);
      all += (all.empty() ? "" : ", ") + word(choice, false);
      if (plain != word(choice, false)) all += ", " + plain;
    }
    any_of({R"({ "enum": [)" + all + "] }", std::string(kVariable)});
  }
  // A word as YAML reads it: true is a boolean; with `number`, 1.2 is a number.
  static std::string word(std::string_view text, bool number) {
    const bool plain = text == "true" || text == "false" || (number && parse_decimal(text));
    return plain ? std::string(text) : "\"" + std::string(text) + "\"";
  }
  void print(const Key& key, const Texts&) {
    const std::string list =
        key.required
            ? R"({ "type": "array", "minItems": 1, "items": { "type": ["string", "number"] } })"
            : R"({ "type": "array", "items": { "type": ["string", "number"] } })";
    std::vector<std::string> choices{R"({ "type": "string" })", list};
    if (!key.required) choices.emplace_back(R"({ "type": "null" })");
    any_of(choices);
  }
  void print(const Key&, const FieldMap& f) {
    w_.member_raw("type", R"(["object", "null"])");
    const std::string one = R"("type": ["string", "number", "boolean"])";
    w_.member_raw("additionalProperties", f.many ? "{ \"anyOf\": [{ " + one +
                                                       " }, { \"type\": \"array\", \"items\": { " +
                                                       one + " } }] }"
                                                 : "{ " + one + " }");
  }
  void print(const Key&, const Section& s) { section(s); }
  void print(const Key&, const Items& items) {
    const Section item = items.add();
    if (items.word.empty()) {
      w_.member_raw("type", R"(["array", "null"])");
      w_.key("items");
      object(item);
      return;
    }
    w_.member("default", items.word);
    w_.key("anyOf");
    w_.open('[');
    w_.item();
    w_.raw(R"({ "const": ")" + std::string(items.word) + "\" }");
    w_.item();
    object(item);
    w_.item();
    w_.open('{');
    w_.member("type", "array");
    w_.key("items");
    object(item);
    w_.close('}');
    w_.close(']');
  }
  void print(const Key&, const Named& named) {
    w_.member_raw("type", R"(["object", "null"])");
    w_.member_raw("propertyNames", R"({ "pattern": "^[A-Za-z0-9._-]{1,64}$" })");
    w_.key("additionalProperties");
    object(named.add(std::string(named.placeholder), {}));
  }
  void object(const Section& s) {
    w_.open('{');
    section(s);
    w_.close('}');
  }

  Writer w_;
};

}  // namespace

std::string print_schema() { return SchemaPrinter().run(); }

}  // namespace marquee::config
