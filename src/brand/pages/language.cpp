#include "brand/pages/language.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/quality.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kMaxRead = 512;
constexpr std::size_t kLanguages = static_cast<std::size_t>(Language::count_);
constexpr std::array<std::string_view, kLanguages> kTags{"en", "de", "fr", "es", "it",
                                                         "nl", "pt", "pl", "ar"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return trimmed(part);
}

// The primary subtag of a range; nothing for what is no range (RFC 4647 2.1).
bool spoken_as(std::string_view range, std::string_view tag) {
  if (range.size() < tag.size()) return false;
  for (std::size_t i = 0; i < tag.size(); ++i)
    if (lower(range[i]) != tag[i]) return false;
  return range.size() == tag.size() || range[tag.size()] == '-';
}

}  // namespace

std::string_view tag(Language language) {
  return kTags[std::min(static_cast<std::size_t>(language), kLanguages - 1)];
}

std::string_view direction(Language language) { return language == Language::ar ? "rtl" : "ltr"; }

std::optional<Language> parse_language(std::string_view tag) {
  const auto found = std::find(kTags.begin(), kTags.end(), tag);
  if (found == kTags.end()) return std::nullopt;
  return static_cast<Language>(found - kTags.begin());
}

Language choose_language(std::string_view accept_language, Language otherwise) {
  struct Heard {
    bool said = false;
    unsigned weight = 0;
    unsigned order = 0;
  };
  std::array<Heard, kLanguages> heard{};
  Heard any;
  unsigned order = 0;
  std::string_view rest = accept_language.substr(0, kMaxRead);
  while (!rest.empty()) {
    std::string_view element = cut(rest, ',');
    const std::string_view range = cut(element, ';');
    element = trimmed(element);
    std::optional<unsigned> weight = 1000;
    if (!element.empty())
      weight = element.size() > 2 && lower(element[0]) == 'q' && element[1] == '='
                   ? base::parse_quality(trimmed(element.substr(2)))
                   : std::nullopt;
    if (!weight) continue;
    ++order;
    if (range == "*" && !any.said) any = {true, *weight, order};
    for (std::size_t i = 0; i < kLanguages; ++i) {
      if (!spoken_as(range, kTags[i])) continue;
      if (!heard[i].said || *weight > heard[i].weight) heard[i] = {true, *weight, order};
    }
  }
  // "*" stands for all that were not named: of them the one of the settings.
  Heard& own = heard[static_cast<std::size_t>(otherwise)];
  if (any.said && !own.said) own = any;
  std::size_t best = static_cast<std::size_t>(otherwise);
  for (std::size_t i = 0; i < kLanguages; ++i) {
    const Heard& h = heard[i];
    const Heard& b = heard[best];
    if (h.said && h.weight > 0 &&
        (h.weight > b.weight || (h.weight == b.weight && h.order < b.order)))
      best = i;
  }
  return static_cast<Language>(best);
}

}  // namespace marquee::brand
