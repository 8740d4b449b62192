// Templates of our own pages: HTML with placeholders of a closed list. Where each
// stands is known when the template is read, so that a value is escaped for its
// place, and a placeholder in a place where no escaping helps is refused. Pure.
//
//   {{title}}                      the value
//   {{#logo_url}} ... {{/logo_url}}  only where there is one
//   {{^logo_url}} ... {{/logo_url}}  only where there is none
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::brand {

enum class Slot : std::uint8_t {
  title,
  text,
  owner_heading,
  owner_text,
  error_label,
  status,
  request_label,
  request_id,
  host,
  brand_name,
  logo_url,
  icon_url,
  primary,
  on_primary,
  action,
  action_url,
  retry_after,
  lang,
  dir,
  count_,
};
std::string_view name(Slot slot);
inline constexpr std::size_t kSlots = static_cast<std::size_t>(Slot::count_);

// URLs have passed safe_url, or are our own; colours are "#rrggbb"; all else is
// anybody's text. Empty: there is none.
using SlotValues = std::array<std::string_view, kSlots>;

inline constexpr std::size_t kMaxTemplate = 64u << 10;

struct TemplateFault {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string sentence;  // what is wrong, and what to write instead
};

class Template {
 public:
  // Nothing, and the first fault, where the text is none: it is longer than
  // kMaxTemplate, not UTF-8, names what is not in the list, or holds what the policy
  // of the pages would keep a browser from loading or running.
  static std::optional<Template> parse(std::string_view text, TemplateFault& fault);

  // The page. `styles` gets a CSP source ('sha256-...') for each of its <style>s.
  std::string render(const SlotValues& values, std::vector<std::string>& styles) const;

  bool uses(Slot slot) const { return used_[static_cast<std::size_t>(slot)]; }

 private:
  friend class TemplateParser;
  enum class Kind : std::uint8_t {
    literal,
    html,      // a value in text or in a quoted attribute
    verbatim,  // a colour in a stylesheet
    percent,   // a value in the query of an address
    begins,    // of a section: on to `size`, the index behind it, if it is not shown
    begins_if_none,
    style_begins,
    style_ends,  // `size` over 0: its source is sources_[size - 1], whatever the values
  };
  struct Step {
    Kind kind = Kind::literal;
    Slot slot = Slot::title;
    std::size_t at = 0;    // of a literal: its place in text_
    std::size_t size = 0;  // of a literal
  };
  std::string text_;
  std::vector<Step> steps_;
  std::vector<std::string> sources_;  // of styles without placeholders
  std::array<bool, kSlots> used_{};
};

// The CSP source of a <style> with this text.
std::string style_source(std::string_view css);

}  // namespace marquee::brand
