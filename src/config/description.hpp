// The keys of the settings file, as data: one description that drives the
// reader, the JSON Schema and docs/configuration.md. A key is bound to the
// place its value goes to, so a description belongs to one object and is used
// before that object moves.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/field_rules.hpp"
#include "config/settings.hpp"

namespace marquee::config {

struct Key;

// Judges a text: empty, or what completes the sentence `X is "...", ...`.
using Rule = std::string (*)(std::string_view);

struct Flag {
  bool* value;
};
struct Number {
  std::uint64_t now;  // the default
  std::uint64_t least;
  std::uint64_t most;
  std::function<void(std::uint64_t)> store;
  std::string_view word{};  // a word that stands for `least`, such as "auto"
};
struct Decimal {
  double* value;
  double least;
  double most;
};
struct Size {  // bytes; "16KiB"
  std::uint64_t now;
  std::uint64_t least;
  std::uint64_t most;
  std::function<void(std::uint64_t)> store;
  std::string_view word{};  // a word that stands for 0, such as "auto"
};
struct Duration {  // "10s"; "0" where `least` is zero, beside the bounds if `zero`
  Ms* value;
  Ms least;
  Ms most;
  bool zero = false;
};
struct Text {
  std::string now;
  std::function<void(std::string, Mark)> store;
  Rule rule = nullptr;
  bool path = false;                      // relative to the folder of the file it stands in
  bool secret = false;                    // never shown
  std::vector<std::string_view> words{};  // of a path: words that are none ("stdout")
  Mark* mark = nullptr;                   // set also if the text is at fault
};
struct SecretFile {  // the first line of a file, for the key without "_file"
  std::function<void(std::string, Mark)> store;
  std::string_view instead_of;
  Rule rule = nullptr;
  Mark* mark = nullptr;  // set also if the file is at fault
};
struct Choice {
  std::vector<std::string_view> words;
  std::size_t now;
  std::function<void(std::size_t, Mark)> store;
};
struct Texts {  // a list of texts; one text stands for a list of one
  std::function<void(std::string, Mark)> add;
  Rule rule = nullptr;
  bool secret = false;  // never shown
};
struct FieldMap {  // field name: value, or with `many` also a list of values
  Fields* fields;
  bool many;
  FieldTarget target;
};
struct Section {
  std::vector<Key> keys;
  Mark* mark = nullptr;             // where the section begins
  std::string_view shorthand = {};  // a text or list of texts stands for this key
};
struct Items {                   // a list of sections
  std::function<Section()> add;  // makes one more, and describes it
  std::string_view single = {};  // a name for the docs if one section may stand for the list
  std::string_view word = {};    // a word that stands for an empty list
};
struct Named {                                          // a mapping from names to sections
  std::function<const Mark*(const std::string&)> find;  // where that name is already, or null
  std::function<Section(const std::string&, Mark)> add;
  std::string_view placeholder;  // "NAME" in the docs
};

struct Key {
  std::string_view name;
  std::variant<Flag, Number, Decimal, Size, Duration, Text, SecretFile, Choice, Texts, FieldMap,
               Section, Items, Named>
      type;
  std::string_view doc;           // one line
  std::string_view unit = {};     // of a number: "connections"
  std::string_view scope = {};    // of a bound: "per worker", "per process", "per request"
  std::string_view example = {};  // a value to write, shown in docs and messages
  bool required = false;
};

// `includes` receives the paths or patterns under `include`.
std::vector<Key> describe(Settings& settings, std::vector<Marked<std::string>>& includes);

// The sections that have a key of that name, such as "limits" and "timeouts"
// for "head"; the top level is an empty text.
std::vector<std::string> places_of(std::string_view name);

// Parts, one for each larger section.
Section describe(Listener& listener);
Section describe(Domain& domain);
Section describe(Visitors& visitors);
Section describe(Upstream& upstream);
Section describe(HostClasses& hosts);
Section describe(TlsPolicy& tls);
Section describe(Directory& directory);
Section describe(Tenants& tenants);
Section describe(Limits& limits);
Section describe(Timeouts& timeouts);
Section describe(Http2& http2);
Section describe(Access& access);
Section describe(RateLimits& limits);
Section describe(Forwarding& forwarding);
Section describe(Brand& brand);
Section describe(Branding& branding);
Section describe(Pages& pages);
Section describe(Answers& answers);
Section describe(Compression& compression);
Section describe(Context& context);
Section describe(Log& log);
Section describe(Admin& admin);

// How keys are bound to fields; used by the parts.
template <typename T>
Number number(T& field, std::uint64_t least, std::uint64_t most = std::numeric_limits<T>::max(),
              std::string_view word = {}) {
  return {field, least, most, [&field](std::uint64_t v) { field = static_cast<T>(v); }, word};
}
template <typename T>
Size size(T& field, std::uint64_t least, std::uint64_t most, std::string_view word = {}) {
  return {field, least, most, [&field](std::uint64_t v) { field = static_cast<T>(v); }, word};
}
template <typename E>
Choice choice(E& field, std::vector<std::string_view> words, Mark* mark = nullptr) {
  return {std::move(words), static_cast<std::size_t>(field),
          [&field, mark](std::size_t i, Mark at) {
            field = static_cast<E>(i);
            if (mark != nullptr) *mark = at;
          }};
}
// A list of path prefixes. The first one that is written takes the place of the
// default; `none` is an empty list.
Texts prefixes(std::vector<std::string>& field);
Text text(std::string& field, Rule rule = nullptr, Mark* mark = nullptr);
Text text(Marked<std::string>& field, Rule rule = nullptr);
Text path(std::string& field, Mark* mark = nullptr, std::vector<std::string_view> words = {});

}  // namespace marquee::config
