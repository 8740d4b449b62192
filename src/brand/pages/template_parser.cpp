// Reads a template: HTML as far as it must be known to tell where a placeholder
// stands. Stricter than a browser; what it does not follow it refuses.
#include <algorithm>
#include <array>

#include "base/suggest.hpp"
#include "brand/escape.hpp"
#include "brand/pages/template.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxSteps = 2000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f'; }

std::string lower_case(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What the policy of the pages stops anyway is refused with a sentence instead.
constexpr std::array<std::string_view, 13> kRefused{
    "script", "iframe", "frame",   "object",   "embed",    "applet",   "base",
    "form",   "xmp",    "noembed", "noframes", "noscript", "plaintext"};
constexpr std::array<std::string_view, 9> kLoading{
    "src", "srcset", "poster", "data", "action", "formaction", "ping", "background", "manifest"};

bool is_colour(Slot slot) { return slot == Slot::primary || slot == Slot::on_primary; }
bool is_url(Slot slot) {
  return slot == Slot::logo_url || slot == Slot::icon_url || slot == Slot::action_url;
}

std::string braces_of(std::string_view name) { return "{{" + std::string(name) + "}}"; }

// One spelling of line ends, as a browser reads them: hashes of styles depend on it.
std::string with_line_feeds(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      out.push_back(text[i]);
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      out.push_back('\n');
  }
  return out;
}

}  // namespace

class TemplateParser {
 public:
  TemplateParser(std::string_view text, TemplateFault& fault) : fault_(fault) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    out_.text_ = with_line_feeds(text);
  }

  bool run() {
    if (size() > kMaxTemplate) return refuse(0, "it is longer than 64 KiB; write a shorter page");
    for (std::size_t i = 0; i < size();) {
      const std::size_t from = i;
      const std::int32_t c = next_character(out_.text_, i);
      if (c < 0 || (c < 0x20 && c != '\n' && c != '\t' && c != '\f') || c == 0x7F)
        return refuse(from, "a byte here is no text; save the file as UTF-8");
    }
    while (at_ < size()) {
      if (starts("{{")) {
        if (!braces(Place::text)) return false;
      } else if (here() == '<') {
        if (!markup()) return false;
      } else {
        ++at_;
      }
    }
    if (!open_.empty())
      return refuse(open_.back().place, braces_of("#" + std::string(name(open_.back().slot))) +
                                            " is not closed; write " +
                                            braces_of("/" + std::string(name(open_.back().slot))));
    literal(size());
    return true;
  }

  Template take() { return std::move(out_); }

 private:
  using Kind = Template::Kind;
  enum class Place : std::uint8_t {
    text,       // also of <title> and <textarea>
    sheet,      // in <style>
    attribute,  // quoted
    address,    // the beginning of a quoted address
    path,       // further on in it
    query,      // behind its ?
  };
  struct Open {
    Slot slot;
    std::size_t step;     // where the section begins
    std::size_t place;    // in the text
    std::string element;  // whose text it is in, where that is read otherwise
  };

  std::size_t size() const { return out_.text_.size(); }
  char here() const { return out_.text_[at_]; }
  bool starts(std::string_view with) const {
    return std::string_view(out_.text_).substr(at_).starts_with(with);
  }
  std::string_view between(std::size_t from, std::size_t to) const {
    return std::string_view(out_.text_).substr(from, to - from);
  }

  bool refuse(std::size_t at, std::string sentence) {
    const std::string_view before = between(0, at);
    fault_.line = 1 + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t line = before.rfind('\n') + 1;  // npos + 1 is 0
    fault_.column = static_cast<std::uint32_t>(at - line) + 1;
    fault_.sentence = std::move(sentence);
    return false;
  }

  void literal(std::size_t end) {
    if (end > mark_) out_.steps_.push_back({Kind::literal, Slot::title, mark_, end - mark_});
    mark_ = end;
  }
  void step(Kind kind, Slot slot) { out_.steps_.push_back({kind, slot, 0, 0}); }

  // At "{{".
  bool braces(Place place) {
    const std::size_t from = at_;
    const std::size_t end = out_.text_.find("}}", from);
    if (end == std::string::npos || end - from > 64)
      return refuse(from, "{{ has no }} behind it; write {{title}}, or another placeholder");
    std::string_view word = between(from + 2, end);
    const char sign = word.empty() ? ' ' : word.front();
    const bool section = sign == '#' || sign == '^' || sign == '/';
    if (section) word.remove_prefix(1);
    std::vector<std::string_view> known;
    for (std::size_t i = 0; i < kSlots; ++i) known.push_back(name(static_cast<Slot>(i)));
    const auto found = std::find(known.begin(), known.end(), word);
    if (found == known.end()) {
      std::string all;
      for (const auto n : known) all.append(all.empty() ? "" : ", ").append(n);
      const std::string_view meant = base::did_you_mean(word, known);
      return refuse(from, braces_of(between(from + 2, end)) + " is no placeholder; " +
                              (meant.empty() ? "write one of " + all
                                             : "did you mean " + braces_of(meant) + "?"));
    }
    const Slot slot = static_cast<Slot>(found - known.begin());
    if (out_.steps_.size() > kMaxSteps)
      return refuse(from, "there are more than 2000 placeholders; write a simpler page");
    literal(from);
    at_ = mark_ = end + 2;
    out_.used_[static_cast<std::size_t>(slot)] = true;
    return section ? bracket(sign, slot, from, place) : value(slot, from, place);
  }

  bool bracket(char sign, Slot slot, std::size_t from, Place place) {
    const std::string written = braces_of(std::string(1, sign) + std::string(name(slot)));
    if (place != Place::text && place != Place::sheet)
      return refuse(from, written + " stands in a tag; put the whole tag between " +
                              braces_of("#" + std::string(name(slot))) + " and " +
                              braces_of("/" + std::string(name(slot))));
    if (sign != '/') {
      if (open_.size() == kMaxDepth)
        return refuse(from, written + " is the ninth within another; close some before it");
      open_.push_back({slot, out_.steps_.size(), from, element_});
      step(sign == '#' ? Kind::begins : Kind::begins_if_none, slot);
      return true;
    }
    if (open_.empty() || open_.back().slot != slot)
      return refuse(from, written + " closes nothing" +
                              (open_.empty() ? "; remove it"
                                             : "; close " + std::string(name(open_.back().slot)) +
                                                   " before it"));
    if (open_.back().element != element_)
      return refuse(from, written +
                              " stands in another element than its beginning; put whole "
                              "elements between the two");
    out_.steps_[open_.back().step].size = out_.steps_.size();
    open_.pop_back();
    return true;
  }

  bool value(Slot slot, std::size_t from, Place place) {
    const std::string written = braces_of(name(slot));
    switch (place) {
      case Place::text:
      case Place::attribute:
        break;
      case Place::sheet:
        if (!is_colour(slot))
          return refuse(from, written +
                                  " stands in a stylesheet, where only {{primary}} and "
                                  "{{on_primary}} may; put it into the text");
        step(Kind::verbatim, slot);
        return true;
      case Place::address:
        if (is_url(slot)) break;
        [[fallthrough]];
      case Place::path:
        return refuse(from, written +
                                " stands in an address; write an address of your own, with "
                                "the placeholder behind its ?");
      case Place::query:
        step(Kind::percent, slot);
        return true;
    }
    step(Kind::html, slot);
    return true;
  }

  // At '<', in text.
  bool markup() {
    if (starts("<!--")) {
      const std::size_t end = out_.text_.find("-->", at_ + 4);
      if (end == std::string::npos) return refuse(at_, "the comment has no end; write -->");
      return skip_to(end + 3, "a comment");
    }
    if (starts("<!") || starts("<?")) {
      const std::size_t end = out_.text_.find('>', at_);
      if (end == std::string::npos) return refuse(at_, "the declaration has no end; write >");
      return skip_to(end + 1, "a declaration");
    }
    const bool closes = starts("</");
    const std::size_t begin = at_ + (closes ? 2 : 1);
    if (begin >= size() || !is_letter(out_.text_[begin]))
      return refuse(at_, "< begins no tag here; write &lt;");
    return tag(begin, closes);
  }

  bool skip_to(std::size_t end, const std::string& where) {
    const std::size_t inside = between(0, end).find("{{", at_);
    if (inside != std::string::npos)
      return refuse(inside, "a placeholder stands in " + where + "; take it out");
    at_ = end;
    return true;
  }

  bool tag(std::size_t begin, bool closes) {
    const std::size_t from = at_;
    at_ = begin;
    while (at_ < size() && !is_blank(here()) && here() != '/' && here() != '>' && here() != '{')
      ++at_;
    const std::string element = lower_case(between(begin, at_));
    if (is_one_of(kRefused, element))
      return refuse(from, "<" + element + "> does not work in these pages, whose policy keeps " +
                              "scripts, frames and forms out; remove it");
    for (;;) {
      while (at_ < size() && (is_blank(here()) || here() == '/')) ++at_;
      if (at_ >= size()) return refuse(from, "the tag has no end; write >");
      if (here() == '>') break;
      if (!attribute(element)) return false;
    }
    ++at_;
    if (closes) return true;
    if (element == "style" || element == "title" || element == "textarea") return inner(element);
    return true;
  }

  bool attribute(const std::string& element) {
    const std::size_t from = at_;
    while (at_ < size() && !is_blank(here()) && here() != '/' && here() != '>' && here() != '=') {
      if (starts("{{"))
        return refuse(at_, "a placeholder stands in a tag; put it into a value in quotes");
      ++at_;
    }
    const std::string attribute = lower_case(between(from, at_));
    if (attribute.empty()) return refuse(from, "= has no name before it; write NAME=\"VALUE\"");
    if (attribute.starts_with("on") || attribute == "style" || attribute == "http-equiv")
      return refuse(from, attribute + " does not work in these pages, whose policy allows only " +
                              "<style>; remove it");
    while (at_ < size() && is_blank(here())) ++at_;
    if (at_ >= size() || here() != '=') return true;
    ++at_;
    while (at_ < size() && is_blank(here())) ++at_;
    if (at_ >= size()) return refuse(from, "the tag has no end; write >");
    return value_of(element, attribute);
  }

  bool value_of(const std::string& element, const std::string& attribute) {
    const bool links = (attribute == "href" || attribute == "xlink:href");
    const bool visited = links && (element == "a" || element == "area");
    const bool loads = !visited && (links || is_one_of(kLoading, attribute));
    const std::size_t from = at_;
    const char quote = here();
    if (quote != '"' && quote != '\'') {
      while (at_ < size() && !is_blank(here()) && here() != '>') {
        if (starts("{{"))
          return refuse(at_, "a placeholder stands in a value without quotes; write " + attribute +
                                 "=\"{{...}}\"");
        ++at_;
      }
      return !loads || loadable(element, attribute, from, between(from, at_));
    }
    const std::size_t begin = ++at_;
    const std::size_t end = out_.text_.find(quote, begin);
    if (end == std::string::npos)
      return refuse(from, std::string("the value has no end; write ") + quote);
    if (loads && !loadable(element, attribute, begin, between(begin, end))) return false;
    while (at_ < end) {
      if (!starts("{{")) {
        ++at_;
        continue;
      }
      Place place = Place::attribute;
      if (visited || loads)
        place = at_ == begin                                              ? Place::address
                : between(begin, at_).find('?') != std::string_view::npos ? Place::query
                                                                          : Place::path;
      if (!braces(place)) return false;
    }
    at_ = end + 1;
    return true;
  }

  bool loadable(const std::string& element, const std::string& attribute, std::size_t at,
                std::string_view value) {
    for (const std::string_view begin : {"data:image/", "#", "{{logo_url}}", "{{icon_url}}"})
      if (value.starts_with(begin)) return true;
    return refuse(at, attribute + " of <" + element +
                          "> names what these pages may not load; write {{logo_url}}, "
                          "{{icon_url}}, or the picture itself as data:image/...");
  }

  // The text of an element that ends with its own end tag only.
  bool inner(const std::string& element) {
    const std::size_t from = at_;
    const bool sheet = element == "style";
    if (sheet) {
      literal(at_);
      step(Kind::style_begins, Slot::primary);
    }
    element_ = element;
    for (;;) {
      if (at_ >= size())
        return refuse(from, "<" + element + "> is not closed; write </" + element + ">");
      if (starts("{{")) {
        if (!braces(sheet ? Place::sheet : Place::text)) return false;
      } else if (ends(element)) {
        break;
      } else {
        ++at_;
      }
    }
    for (const Open& open : open_)
      if (open.element == element)
        return refuse(open.place, braces_of("#" + std::string(name(open.slot))) +
                                      " is not closed within <" + element + ">");
    element_.clear();
    if (sheet) {
      const bool fixed = out_.steps_.back().kind == Kind::style_begins;
      if (fixed) out_.sources_.push_back(style_source(between(mark_, at_)));
      literal(at_);
      out_.steps_.push_back({Kind::style_ends, Slot::primary, 0, fixed ? out_.sources_.size() : 0});
    }
    return tag(at_ + 2, true);
  }

  bool ends(const std::string& element) const {
    if (!starts("</")) return false;
    const std::size_t end = at_ + 2 + element.size();
    if (end >= size() || lower_case(between(at_ + 2, end)) != element) return false;
    const char next = out_.text_[end];
    return is_blank(next) || next == '/' || next == '>';
  }

  TemplateFault& fault_;
  Template out_;
  std::size_t at_ = 0;
  std::size_t mark_ = 0;  // what is before it stands in the steps
  std::string element_;   // whose text is read; empty: of the page
  std::vector<Open> open_;
};

std::optional<Template> Template::parse(std::string_view text, TemplateFault& fault) {
  TemplateParser parser(text, fault);
  if (!parser.run()) return std::nullopt;
  return parser.take();
}

}  // namespace marquee::brand
