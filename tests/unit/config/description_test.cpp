#include "config/description.hpp"

#include <doctest/doctest.h>

#include <set>

#include "config/schema.hpp"
#include "config/text.hpp"

using namespace marquee::config;

namespace {

// Calls `see` for every key, with its path.
template <typename See>
void walk(const std::vector<Key>& keys, const std::string& where, const See& see) {
  for (const auto& key : keys) {
    const std::string at = where + "." + std::string(key.name);
    see(at, key);
    if (const auto* section = std::get_if<Section>(&key.type)) walk(section->keys, at, see);
    if (const auto* items = std::get_if<Items>(&key.type)) walk(items->add().keys, at, see);
    if (const auto* named = std::get_if<Named>(&key.type))
      walk(named->add("NAME", {}).keys, at, see);
  }
}

template <typename See>
void walk_all(const See& see) {
  Settings settings;
  std::vector<Marked<std::string>> includes;
  walk(describe(settings, includes), "", see);
}

}  // namespace

TEST_CASE("every key has a line of documentation, and a name of lower case") {
  std::size_t count = 0;
  std::set<std::string> seen;
  walk_all([&](const std::string& at, const Key& key) {
    ++count;
    CHECK_MESSAGE(seen.insert(at).second, at);
    CHECK_MESSAGE(key.doc.size() > 10, at);
    CHECK_MESSAGE(key.doc.back() == '.', at);
    CHECK_MESSAGE(!has_control(key.doc), at);
    CHECK_MESSAGE(key.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
                      std::string_view::npos,
                  at);
  });
  CHECK(count > 90);
}

TEST_CASE("every number has a unit, every default lies within its bounds") {
  walk_all([](const std::string& at, const Key& key) {
    if (const auto* n = std::get_if<Number>(&key.type)) {
      CHECK_MESSAGE(!key.unit.empty(), at);
      CHECK_MESSAGE((n->least <= n->now && n->now <= n->most), at);
    } else if (const auto* s = std::get_if<Size>(&key.type)) {
      CHECK_MESSAGE(!key.scope.empty(), at);
      const bool word = !s->word.empty() && s->now == 0;
      CHECK_MESSAGE((word || (s->least <= s->now && s->now <= s->most)), at);
    } else if (const auto* d = std::get_if<Duration>(&key.type)) {
      CHECK_MESSAGE(
          ((d->least <= *d->value && *d->value <= d->most) || (d->zero && d->value->count() == 0)),
          at);
    } else if (const auto* f = std::get_if<Decimal>(&key.type)) {
      CHECK_MESSAGE((f->least <= *f->value && *f->value <= f->most), at);
    } else if (const auto* c = std::get_if<Choice>(&key.type)) {
      CHECK_MESSAGE(c->now < c->words.size(), at);
    } else if (const auto* t = std::get_if<Text>(&key.type)) {
      if (t->rule != nullptr && !t->now.empty()) CHECK_MESSAGE(t->rule(t->now).empty(), at);
    }
  });
}

TEST_CASE("schema and reference name every key") {
  const std::string schema = print_schema();
  const std::string reference = print_reference();
  walk_all([&](const std::string& at, const Key& key) {
    CHECK_MESSAGE(schema.find("\"" + std::string(key.name) + "\": {") != std::string::npos, at);
    CHECK_MESSAGE(reference.find("| `" + std::string(key.name) + "` |") != std::string::npos, at);
  });
}
