// docs/configuration.md: every key with its type, default, bounds and meaning.
#include "config/description.hpp"
#include "config/schema.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Settings

<!-- Written from the description that the reader follows. Change
src/config/describe*.cpp, then run unit_config with MARQUEE_WRITE_GOLDEN=1. -->

One YAML file holds the settings. `marquee check -c FILE` reads it and says
everything that is wrong, as `file:line:column: what is wrong, and what to write
instead`; it ends with 0, or with 78 if there is a problem.

- **Strict.** A key that is not listed here, a value of another type or out of
  bounds, a key given twice: each is an error, and nothing is guessed.
- **Values.** Switches are `true` and `false`. Durations are whole numbers with
  `ms`, `s`, `m`, `h` or `d`; sizes are bytes, or whole numbers with `KiB`, `MiB`
  or `GiB`.
- **Variables.** `${VAR}` and `${VAR:-default}` are put into values, never into
  keys, after the YAML has been parsed; `$${` stands for `${`. Between braces
  (`{ a: "${X}" }`) such a value needs quotes. A variable that is not set and has
  no default is an error.
- **Secrets** can stand in a file of their own: `token_file` instead of `token`.
- **Paths** that are relative belong to the folder of the file they stand in.
- **Includes.** `include` names further files or patterns. `listeners`,
  `trusted_proxies`, `upstreams` and `domains` are joined; any other key may be
  given in one file only.
- **Aliases** (`&name`, `*name`) may be used for whole values; merge keys (`<<`)
  and tags are refused.
- A bound says whether it counts per process, per worker, per connection or per
  request.

`marquee check --print-schema` prints a JSON Schema for editors.
)";

std::string range(const std::string& least, const std::string& most) {
  return least + " to " + most;
}

std::string code(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out.empty() ? "" : "`" + out + "`";
}

class ReferencePrinter {
 public:
  std::string run() {
    Settings settings;
    std::vector<Marked<std::string>> includes;
    out_ = kIntroduction;
    section("Top level", "", Section{describe(settings, includes)});
    return std::move(out_);
  }

 private:
  // One row's cells.
  struct Row {
    std::string type;
    std::string value;  // default
    std::string bounds;
  };

  void section(const std::string& title, std::string_view doc, const Section& s) {
    out_ += "\n## " + title + "\n\n";
    if (!doc.empty()) out_ += std::string(doc) + "\n\n";
    out_ += "| key | type | default | bounds | meaning |\n|---|---|---|---|---|\n";
    for (const auto& key : s.keys) {
      const Row row = std::visit([&](const auto& type) { return cells(key, type); }, key.type);
      std::string bounds = row.bounds;
      if (!key.scope.empty()) bounds += (bounds.empty() ? "" : ", ") + std::string(key.scope);
      std::string doc_cell(key.doc);
      if (!key.example.empty() && row.value != code(key.example))
        doc_cell += " Example: " + code(key.example) + ".";
      out_ += "| `" + std::string(key.name) + "` | " + row.type + " | " +
              (key.required ? "required" : row.value) + " | " + bounds + " | " + doc_cell + " |\n";
    }
    const std::string prefix = title == "Top level" ? "" : title.substr(1, title.size() - 2) + ".";
    for (const auto& key : s.keys) nested(prefix + std::string(key.name), key);
  }

  void nested(const std::string& name, const Key& key) {
    if (const auto* s = std::get_if<Section>(&key.type)) {
      section("`" + name + "`", key.doc, *s);
    } else if (const auto* items = std::get_if<Items>(&key.type)) {
      section("`" + name + "[]`", key.doc, items->add());
    } else if (const auto* named = std::get_if<Named>(&key.type)) {
      section("`" + name + "." + std::string(named->placeholder) + "`", key.doc,
              named->add(std::string(named->placeholder), {}));
    }
  }

  static std::string unit(const Key& key) {
    return key.unit.empty() ? "" : ", " + std::string(key.unit);
  }

  static Row cells(const Key&, const Flag& f) {
    return {"true or false", *f.value ? "`true`" : "`false`", ""};
  }
  static Row cells(const Key& key, const Number& n) {
    const bool word = !n.word.empty();
    return {"number" + unit(key) + (word ? ", or `" + std::string(n.word) + "`" : ""),
            word && n.now == n.least ? code(n.word) : code(std::to_string(n.now)),
            range(std::to_string(word ? n.least + 1 : n.least), std::to_string(n.most))};
  }
  static Row cells(const Key& key, const Decimal& d) {
    return {"decimal" + unit(key), code(show_decimal(*d.value)),
            range(show_decimal(d.least), show_decimal(d.most))};
  }
  static Row cells(const Key&, const Size& s) {
    const bool word = !s.word.empty();
    return {word ? "size, or `" + std::string(s.word) + "`" : "size",
            word && s.now == 0 ? code(s.word) : code(show_size(s.now)),
            range(show_size(s.least), show_size(s.most))};
  }
  static Row cells(const Key&, const Duration& d) {
    return {"duration", code(show_duration(*d.value)),
            (d.zero ? "0, or " : "") + range(show_duration(d.least), show_duration(d.most))};
  }
  static Row cells(const Key&, const Text& t) {
    return {t.path ? "path" : "text", t.secret ? "" : code(t.now), ""};
  }
  static Row cells(const Key&, const SecretFile&) { return {"path", "", ""}; }
  static Row cells(const Key&, const Choice& c) {
    std::string words;
    for (const auto word : c.words) words += (words.empty() ? "" : ", ") + code(word);
    return {words, code(c.words[c.now]), ""};
  }
  static Row cells(const Key&, const Texts&) { return {"text or list of texts", "", ""}; }
  static Row cells(const Key&, const FieldMap& f) {
    return {f.many ? "field names to values or lists of values" : "field names to values", "", ""};
  }
  static Row cells(const Key&, const Section&) { return {"section", "", ""}; }
  static Row cells(const Key&, const Items& i) {
    return {i.word.empty() ? "list of sections" : code(i.word) + ", section, or list of sections",
            code(i.word), ""};
  }
  static Row cells(const Key&, const Named&) { return {"names to sections", "", ""}; }

  std::string out_;
};

}  // namespace

std::string print_reference() { return ReferencePrinter().run(); }

}  // namespace marquee::config
