#include "brand/brand.hpp"

#include <algorithm>
#include <utility>

#include "brand/colour.hpp"
#include "brand/escape.hpp"
#include "brand/html_token.hpp"
#include "brand/safe_url.hpp"

namespace marquee::brand {
namespace {

bool name_byte(char c) { return is_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

// Classes and attributes to remove: names of letters, digits, - and _ only.
void take_names(const std::vector<std::string>& from, std::vector<std::string>& to,
                std::string_view field, std::vector<std::string_view>& faults) {
  for (const std::string& name : from) {
    if (name.empty() || name.size() > kMaxRemovedName || to.size() == kMaxRemovedNames ||
        !std::all_of(name.begin(), name.end(), name_byte)) {
      faults.push_back(field);
      continue;
    }
    to.push_back(name);
  }
}

// The word of a text to look for, in lower case: one that holds a name, or stands in
// one, so that one search does for both; else the longest. Short words stand everywhere.
std::string_view word_of(std::string_view text, const std::vector<std::string>& names) {
  constexpr std::size_t kShort = 5;
  std::string_view longest;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool shared = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return name.find(word) != name.npos || word.find(name) != word.npos;
    });
    if (shared && word.size() >= kShort) return word;
    if (word.size() > longest.size()) longest = word;
  }
  return longest;
}

// In lower case, without those that hold another one.
std::vector<std::string> needles_of(const std::vector<std::string>& classes,
                                    const std::vector<std::string>& attributes,
                                    const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const auto* names : {&classes, &attributes}) {
    for (const std::string& name : *names) {
      std::string& lower = all.emplace_back(name);
      std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
    }
  }
  const std::vector<std::string> names = all;
  for (const std::string& text : texts) all.emplace_back(word_of(text, names));
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.size() < b.size(); });
  std::vector<std::string> needles;
  for (const std::string& name : all) {
    const bool held = std::any_of(needles.begin(), needles.end(), [&](const std::string& needle) {
      return name.find(needle) != std::string::npos;
    });
    if (!held) needles.push_back(name);
  }
  return needles;
}

std::string attribute_of(std::string_view url, std::string_view field,
                         std::vector<std::string_view>& faults) {
  if (url.empty()) return {};
  const auto safe = safe_url(url);
  if (!safe) {
    faults.push_back(field);
    return {};
  }
  return escape_html(*safe, safe->size());
}

void add_variables(std::string& out, std::string_view name, std::string_view text) {
  const auto colour = parse_colour(text);
  if (!colour) return;
  out.append("--brand-").append(name).append(":").append(to_css(*colour));
  out.append(";--brand-").append(name).append("-foreground:");
  out.append(to_css(readable_on(*colour))).append(";");
}

void check_colour(const std::string& text, std::string_view field,
                  std::vector<std::string_view>& faults) {
  if (!text.empty() && !parse_colour(text)) faults.push_back(field);
}

}  // namespace

PieceMatcher::PieceMatcher(std::string_view pattern) : failure_(pattern.size()) {
  for (const char c : pattern) pattern_.push_back(to_lower(c));
  std::uint16_t k = 0;
  for (std::size_t i = 1; i < pattern_.size(); ++i) {
    while (k > 0 && pattern_[i] != pattern_[k]) k = failure_[k - 1U];
    if (pattern_[i] == pattern_[k]) ++k;
    failure_[i] = k;
  }
}

bool PieceMatcher::feed(std::string_view piece, std::uint16_t& state) const {
  if (pattern_.empty()) return false;
  for (const char byte : piece) {
    if (state == pattern_.size()) return true;
    const char c = to_lower(byte);
    while (state > 0 && c != pattern_[state]) state = failure_[state - 1U];
    if (c == pattern_[state]) ++state;
  }
  return state == pattern_.size();
}

bool TextMatcher::add(std::string_view text) {
  std::string normal;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && !is_space(c)) || c == '<' || c == '&')
      return false;
    if (!is_space(c))
      normal.push_back(to_lower(c));
    else if (!normal.empty() && normal.back() != ' ')
      normal.push_back(' ');
  }
  if (normal.ends_with(' ')) normal.pop_back();
  if (normal.empty() || normal.size() > kMaxRemovedName || texts_.size() == kMaxRemovedNames)
    return false;
  texts_.push_back(std::move(normal));
  return true;
}

bool TextMatcher::rejects(char first) const {
  return std::none_of(texts_.begin(), texts_.end(),
                      [c = to_lower(first)](const std::string& text) { return text[0] == c; });
}

TextMatcher::Match TextMatcher::match(std::string_view node) const {
  if (node.size() > kMaxTextNode) return Match::none;
  Match best = Match::none;
  for (const std::string& text : texts_) {
    std::size_t at = 0;
    bool space = false;
    bool agrees = true;
    for (const char c : node) {
      if (is_space(c)) {
        space = at != 0;
        continue;
      }
      if (std::exchange(space, false)) agrees = agrees && at < text.size() && text[at++] == ' ';
      agrees = agrees && at < text.size() && text[at++] == to_lower(c);
      if (!agrees) break;
    }
    if (!agrees) continue;
    if (at == text.size()) return Match::whole;
    if (!space || text[at] == ' ') best = Match::begins;
  }
  return best;
}

std::string colour_variables(const Brand& brand) {
  std::string inside;
  add_variables(inside, "primary", brand.primary);
  add_variables(inside, "secondary", brand.secondary);
  return inside.empty() ? inside : ":root{" + inside + "}";
}

BrandPlan::BrandPlan(const Brand& brand) {
  const std::string name = escape_html(brand.name, kMaxName);
  // A name of spaces only is none.
  if (name.find_first_not_of(' ') != std::string::npos) {
    title_alone = name;
    title_suffix = escape_html(brand.title_separator, kMaxSeparator) + name;
    name_escaped = PieceMatcher(name);
    name_plain = PieceMatcher(std::string_view(brand.name).substr(0, kMaxName));
  }

  const std::string icon = attribute_of(brand.favicon_url, "favicon_url", faults);
  const std::string logo = attribute_of(brand.logo_url, "logo_url", faults);
  const std::string sheet = attribute_of(brand.stylesheet_path, "stylesheet_path", faults);
  check_colour(brand.primary, "primary", faults);
  check_colour(brand.secondary, "secondary", faults);
  replaces_icons = !icon.empty();
  replaces_logo = !logo.empty();
  if (!icon.empty()) {
    head.append("<link rel=\"icon\" href=\"").append(icon).append("\">");
    head.append("<link rel=\"apple-touch-icon\" href=\"").append(icon).append("\">");
  }
  if (!logo.empty()) head.append("<meta name=\"brand-logo\" content=\"").append(logo).append("\">");
  const std::string variables = colour_variables(brand);
  if (!sheet.empty())
    head.append("<link rel=\"stylesheet\" href=\"").append(sheet).append("\">");
  else if (!variables.empty())
    head.append("<style id=\"brand-colors\">").append(variables).append("</style>");

  take_names(brand.removed_classes, removed_classes, "removed_classes", faults);
  take_names(brand.removed_attributes, removed_attributes, "removed_attributes", faults);
  for (std::string& attribute : removed_attributes)
    std::transform(attribute.begin(), attribute.end(), attribute.begin(), to_lower);
  for (const std::string& text : brand.removed_texts)
    if (!removed_texts.add(text)) faults.push_back("removed_texts");
  needles = needles_of(removed_classes, removed_attributes, removed_texts.texts());
  const auto& texts = removed_texts.texts();
  skims = removes() && std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
            return text.find('>') == text.npos;
          });
}

}  // namespace marquee::brand
