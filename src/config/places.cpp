// Where a key belongs that was written in another place.
#include "config/description.hpp"

namespace marquee::config {
namespace {

void look(const Section& section, const std::string& where, std::string_view name,
          std::vector<std::string>& found) {
  for (const auto& key : section.keys) {
    if (key.name == name) found.push_back(where);
    const std::string below =
        where.empty() ? std::string(key.name) : where + "." + std::string(key.name);
    if (const auto* nested = std::get_if<Section>(&key.type)) {
      look(*nested, below, name, found);
    } else if (const auto* items = std::get_if<Items>(&key.type)) {
      look(items->add(), items->word.empty() ? below + "[]" : below, name, found);
    } else if (const auto* named = std::get_if<Named>(&key.type)) {
      const std::string placeholder(named->placeholder);
      look(named->add(placeholder, {}), below + "." + placeholder, name, found);
    }
  }
}

}  // namespace

std::vector<std::string> places_of(std::string_view name) {
  Settings settings;
  std::vector<Marked<std::string>> includes;
  std::vector<std::string> found;
  look(Section{describe(settings, includes)}, "", name, found);
  return found;
}

}  // namespace marquee::config
