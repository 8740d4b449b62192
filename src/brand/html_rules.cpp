// What is taken out of a page: tags of the head that the brand's own replace, elements
// of a class, attributes. HtmlRewriter asks of each tag that stands outside of what is
// already being removed.
#include <algorithm>

#include "brand/byte_scan.hpp"
#include "brand/html_attributes.hpp"
#include "brand/html_rewriter.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kMaxValue = 4096;  // of an attribute that a rule looks at

bool only_icons(std::string_view rel) {
  bool icons = false;
  bool others = false;
  for_each_token(rel, [&](std::string_view token) {
    if (equal_ignoring_case(token, "icon") || equal_ignoring_case(token, "apple-touch-icon") ||
        equal_ignoring_case(token, "apple-touch-icon-precomposed") ||
        equal_ignoring_case(token, "mask-icon"))
      icons = true;
    else if (!equal_ignoring_case(token, "shortcut"))
      others = true;
    return !others;
  });
  return icons && !others;
}

bool brand_logo(std::string_view name) { return equal_ignoring_case(name, "brand-logo"); }

// Tags of the head that are dropped, because the brand's own stand in their place.
// All of them are void elements.
struct HeadRule {
  TagKey element;
  std::string_view attribute;
  bool (*matches)(std::string_view value);
  bool BrandPlan::*when;
};
constexpr HeadRule kHeadRules[] = {
    {tag_key("link"), "rel", only_icons, &BrandPlan::replaces_icons},
    {tag_key("meta"), "name", brand_logo, &BrandPlan::replaces_logo},
};

}  // namespace

bool HtmlRewriter::head_rule_drops(const Token& token) const {
  for (const HeadRule& rule : kHeadRules) {
    if (rule.element != token.key || !(plan_->*rule.when)) continue;
    Attribute attribute;
    if (!find_attribute(token, rule.attribute, attribute)) continue;
    const std::string_view value = attribute.value.substr(0, kMaxValue);
    if (value.find('&') == value.npos ? rule.matches(value)
                                      : rule.matches(decoded_value(value, kMaxValue)))
      return true;
  }
  return false;
}

// Few tags hold one of the names anywhere: the others' attributes are not read.
// (A class that is written with character references is therefore not found.)
bool HtmlRewriter::may_be_branding(std::string_view tag) {
  const char* const end = tag.data() + tag.size();
  if (tag.data() < chunk_.data() || end > chunk_.data() + chunk_.size())
    return first_needle(tag.data(), end) != end;
  return next_needle(tag.data()) < end;
}

const char* HtmlRewriter::first_needle(const char* from, const char* end) const {
  for (const std::string& needle : plan_->needles) end = find_folded(from, end, needle);
  return end;
}

// The first one behind a place in the chunk, or the chunk's end.
const char* HtmlRewriter::next_needle(const char* from) {
  if (!needle_ || needle_ < from) needle_ = first_needle(from, chunk_.data() + chunk_.size());
  return needle_;
}

// Whether the element is to be removed; `strip`: only some of its attributes.
bool HtmlRewriter::is_branding(const Token& token, bool& strip) const {
  AttributeReader reader(token);
  Attribute attribute;
  bool branding = false;
  bool classes_read = false;
  while (!branding && reader.next(attribute)) {
    if (!classes_read && equal_ignoring_case(attribute.name, "class")) {
      classes_read = true;
      for_each_token(attribute.value, [&](std::string_view name) {
        const auto& classes = plan_->removed_classes;
        branding = std::find(classes.begin(), classes.end(), name) != classes.end();
        return !branding;
      });
    }
    for (const std::string& name : plan_->removed_attributes)
      if (equal_ignoring_case(attribute.name, name)) strip = true;
  }
  // The page itself is not removed.
  return branding && !(html_traits(token.key) & kNotPushed);
}

// Cuts out names and values; spaces remain, so that nothing grows together.
void HtmlRewriter::keep_without_attributes(const Token& token) {
  AttributeReader reader(token);
  Attribute attribute;
  std::size_t from = 0;
  const std::string_view raw = token.raw;
  while (reader.next(attribute)) {
    bool strip = false;
    for (const std::string& name : plan_->removed_attributes)
      strip = strip || equal_ignoring_case(attribute.name, name);
    if (!strip) continue;
    std::size_t next = attribute.end;
    while (next < raw.size() && is_space(raw[next])) ++next;
    // What follows would become this or the last attribute's value: leave it.
    if (next < raw.size() && raw[next] == '=') continue;
    keep(raw.substr(from, attribute.begin - from));
    if (raw[attribute.begin - 1] == '/') insert(" ");  // not "/>"
    from = attribute.end;
  }
  keep(raw.substr(from));
}

}  // namespace marquee::brand
