#include "brand/html_elements.hpp"

#include <algorithm>

#include "brand/html_attributes.hpp"

namespace marquee::brand {
namespace {

// Any name as a number: tag_key, or a hash with the highest bit set.
constexpr std::uint64_t element_id(TagKey key, std::string_view name) {
  if (key != 0) return key;
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(to_lower(c));
    hash *= 0x100000001B3ULL;
  }
  return hash | 1ULL << 63;
}

constexpr TagKey kSvgTag = tag_key("svg");
constexpr TagKey kMathTag = tag_key("math");
constexpr TagKey kP = tag_key("p");
constexpr TagKey kSelect = tag_key("select");
constexpr TagKey kTemplate = tag_key("template");
constexpr TagKey kTableTag = tag_key("table");
constexpr TagKey kOption = tag_key("option");
constexpr TagKey kOptgroup = tag_key("optgroup");
constexpr TagKey kScript = tag_key("script");
constexpr std::uint64_t kForeignObject = element_id(0, "foreignobject");
constexpr std::uint64_t kAnnotation = element_id(0, "annotation-xml");

bool is_math_text_point(std::uint64_t id) {
  return id == tag_key("mi") || id == tag_key("mo") || id == tag_key("mn") || id == tag_key("ms") ||
         id == tag_key("mtext");
}

bool is_html_annotation(const Token& tag) {
  Attribute encoding;
  return find_attribute(tag, "encoding", encoding) &&
         (equal_ignoring_case(encoding.value, "text/html") ||
          equal_ignoring_case(encoding.value, "application/xhtml+xml"));
}

bool font_breaks_out(const Token& tag) {
  Attribute a;
  return find_attribute(tag, "color", a) || find_attribute(tag, "face", a) ||
         find_attribute(tag, "size", a);
}

}  // namespace

void OpenElements::cut(std::size_t size) {
  while (size_ > size) drop_top();
}

bool OpenElements::push(std::uint64_t id, std::uint32_t bits, Start& result) {
  if (size_ >= kMost) return result.known = false;
  add(id, bits);
  return result.pushed = true;
}

// Whether a start tag is read by the rules of foreign content (13.2.6, dispatcher).
bool OpenElements::foreign_rules(std::uint64_t id) const {
  if (!foreign()) return false;
  const Element& top = open_[size_ - 1];
  if (top.bits & kHtmlPoint) return false;
  if (top.bits & kTextPoint) return id == tag_key("mglyph") || id == tag_key("malignmark");
  return !(top.id == kAnnotation && (top.bits & kMath) && id == kSvgTag);
}

void OpenElements::break_out() {
  while (foreign() && !(open_[size_ - 1].bits & (kHtmlPoint | kTextPoint))) cut(size_ - 1);
}

OpenElements::Start OpenElements::on_start(const Token& tag, std::uint32_t traits) {
  Start result;
  const std::uint64_t id = element_id(tag.key, tag.name);
  constexpr std::uint32_t rules = kImplies | kPeculiar | kTablePart | kNotPushed;
  if (!foreign() && !(traits & rules) && (!(traits & kClosesP) || paragraphs_ == 0)) {
    // Most tags: they close nothing.
    result.floor = size_;
    if (!(traits & kVoid)) push(id, traits, result);
    return result;
  }
  if (tag.opaque && (foreign() || id == kSvgTag || id == kMathTag)) {
    result.known = false;
    return result;
  }
  if (!foreign_rules(id) || !start_foreign(tag, id, traits, result))
    start_html(tag, id, traits, result);
  return result;
}

// Of the tags that may close others than p: the cases in which one look is enough.
bool OpenElements::closes_nothing(TagKey key, std::uint32_t traits) const {
  if (key == tag_key("a")) return anchors_ == 0;
  if (size_ == 0) return !(traits & kTablePart);
  const Element& top = open_[size_ - 1];
  if (key == tag_key("li")) return top.id == tag_key("ul") || top.id == tag_key("ol");
  if (traits & kHeading) return !(top.bits & kHeading);
  if (traits & kTableCell) return (top.bits & kTableRow) != 0;
  if (key == kOption) return top.id == kSelect;
  return false;
}

// False: the tag breaks out of foreign content.
bool OpenElements::start_foreign(const Token& tag, std::uint64_t id, std::uint32_t traits,
                                 Start& result) {
  if ((traits & kBreakout) || (id == tag_key("font") && font_breaks_out(tag))) {
    break_out();
    return false;
  }
  result.floor = size_;
  result.foreign = true;
  if (tag.self_closing) return true;
  std::uint32_t bits = open_[size_ - 1].bits & kForeign;
  if (bits & kSvg) {
    if (id == kForeignObject || id == tag_key("desc") || id == tag_key("title"))
      bits |= kHtmlPoint | kScope | kSpecial;
  } else if (is_math_text_point(id)) {
    bits |= kTextPoint | kScope | kSpecial;
  } else if (id == kAnnotation) {
    bits |= kScope | kSpecial | (is_html_annotation(tag) ? kHtmlPoint : 0);
  }
  push(id, bits, result);
  return true;
}

bool OpenElements::start_html(const Token& tag, std::uint64_t id, std::uint32_t traits,
                              Start& result) {
  if ((traits & kPeculiar) && !start_peculiar(tag, traits, result)) return result.known;
  if (traits & kTablePart) {
    const bool in_table = close_table_parts(tag.key, traits);
    result.floor = size_;
    if (!in_table) return true;
  } else {
    close_implied(tag.key, traits);
    result.floor = size_;
  }
  if (traits & (kVoid | kNotPushed)) return true;
  return push(id, traits, result);
}

// What has rules of its own. False: that is all there is to do with the tag.
bool OpenElements::start_peculiar(const Token& tag, std::uint32_t traits, Start& result) {
  const TagKey key = tag.key;
  result.floor = size_;
  const bool plaintext = key == tag_key("plaintext");
  const bool text = (traits & (kRcdata | kRawtext)) != 0 || plaintext ||
                    (scripting_ && key == tag_key("noscript"));
  if (key == kSelect || key == tag_key("input") || key == tag_key("keygen") ||
      key == tag_key("textarea")) {
    const std::size_t at = find_in_scope(kSelect, kScope);
    if (at != kNone) cut(at);
    result.floor = size_;
    if (at != kNone && key == kSelect) return false;
  }
  if (key == kSvgTag || key == kMathTag) {
    if (find_any(kSelect) != kNone)
      result.known = false;
    else if (!tag.self_closing)
      push(key, key == kSvgTag ? kSvg : kMath, result);
    return false;
  }
  if (text && find_any(kSelect) != kNone) return result.known = false;
  if (key == tag_key("form") && find_any(key) != kNone && find_any(kTemplate) == kNone)
    return false;
  if (key == kTableTag) close_outer_table();
  if (key == kScript)
    result.model = ContentModel::script;
  else if (plaintext)
    result.model = ContentModel::plaintext;
  else if (text)
    result.model = traits & kRcdata ? ContentModel::rcdata : ContentModel::rawtext;
  return true;
}

// --- what a start tag closes (13.2.6.4.7) ---------------------------------------

void OpenElements::close_implied(TagKey key, std::uint32_t traits) {
  if (size_ == 0 || !(traits & (kClosesP | kImplies))) return;
  if (key == tag_key("li") || (traits & kDefinition)) close_list_item(traits);
  if ((traits & kClosesP) && paragraphs_ != 0) {
    const std::size_t at = find_in_scope(kP, kScope, tag_key("button"));
    if (at != kNone) cut(at);
  }
  if (size_ == 0 || !(traits & kImplies)) return;
  const Element& top = open_[size_ - 1];
  if ((traits & kHeading) && (top.bits & kHeading)) {
    drop_top();
  } else if (traits & kRuby) {
    if (top.bits & kRuby) drop_top();
  } else if (key == kOption || key == kOptgroup) {
    if (top.id == kOption) drop_top();
    if (key == kOptgroup && size_ != 0 && open_[size_ - 1].id == kOptgroup) drop_top();
  } else if (key == tag_key("a") || key == tag_key("nobr")) {
    const std::size_t at = find_in_scope(key, kScope);
    if (at == kNone) return;
    for (std::size_t i = at + 1; i < size_; ++i)
      if (open_[i].bits & kSpecial) return;  // as with its end tag, only it is closed
    cut(at);
  } else if (key == tag_key("button")) {
    const std::size_t at = find_in_scope(key, kScope);
    if (at != kNone) cut(at);
  }
}

void OpenElements::close_list_item(std::uint32_t traits) {
  for (std::size_t i = size_; i-- > 0;) {
    const Element& e = open_[i];
    const bool same = traits & kDefinition ? (e.bits & kDefinition) && !(e.bits & kForeign)
                                           : e.id == tag_key("li");
    if (same) return cut(i);
    if ((e.bits & kSpecial) && e.id != tag_key("address") && e.id != tag_key("div") && e.id != kP)
      return;
  }
}

// False: there is no table, and a browser ignores the tag.
bool OpenElements::close_table_parts(TagKey key, std::uint32_t traits) {
  std::size_t keep = size_;
  for (std::size_t i = size_; i-- > 0;) {
    const Element& e = open_[i];
    if (e.id == kTableTag || e.id == kTemplate) {
      cut(keep);
      return true;
    }
    if (!(e.bits & kTablePart)) continue;
    const bool cell = (e.bits & kTableCell) != 0;
    const bool row = (e.bits & kTableRow) != 0;
    const bool section = (e.bits & kTableSection) != 0;
    bool closes = true;  // captions and column groups by everything
    if (e.id == tag_key("colgroup")) closes = key != tag_key("col");
    if (row) closes = !(traits & kTableCell);
    if (section) closes = !(traits & (kTableCell | kTableRow));
    if (closes || cell) keep = i;
  }
  return false;
}

// A table directly in a table ends it.
void OpenElements::close_outer_table() {
  for (std::size_t i = size_; i-- > 0;) {
    if (open_[i].id == kTableTag) return cut(i);
    if (open_[i].bits & kScope) return;
  }
}

// --- end tags -------------------------------------------------------------------

std::size_t OpenElements::find_any(std::uint64_t id) const {
  for (std::size_t i = size_; i-- > 0;)
    if (open_[i].id == id) return i;
  return kNone;
}

std::size_t OpenElements::find_in_scope(std::uint64_t id, std::uint32_t stop, TagKey extra1,
                                        TagKey extra2) const {
  for (std::size_t i = size_; i-- > 0;) {
    const Element& e = open_[i];
    if (e.id == id && !(e.bits & kForeign)) return i;
    if ((e.bits & stop) || e.id == extra1 || e.id == extra2) return kNone;
  }
  return kNone;
}

std::size_t OpenElements::find_for_end(std::uint64_t id, std::uint32_t traits) const {
  if (id == kTemplate) return find_any(id);
  if (id == kP) return find_in_scope(id, kScope, tag_key("button"));
  if (id == tag_key("li")) return find_in_scope(id, kScope, tag_key("ol"), tag_key("ul"));
  if ((traits & kTablePart) || id == kTableTag) return find_in_scope(id, 0, kTableTag, kTemplate);
  if (traits & kHeading) {
    for (std::size_t i = size_; i-- > 0;) {
      if (open_[i].bits & kHeading) return i;
      if (open_[i].bits & kScope) return kNone;
    }
    return kNone;
  }
  return find_in_scope(id, traits & (kSpecial | kFormatting) ? kScope : kSpecial);
}

OpenElements::End OpenElements::on_end(const Token& tag, std::uint32_t traits) {
  End result;
  const std::uint64_t id = element_id(tag.key, tag.name);
  if (size_ != 0 && open_[size_ - 1].id == id) {  // as it should be
    result.matched = size_ - 1;
    result.foreign = foreign();
    cut(result.matched);
    return result;
  }
  if (foreign()) {
    if (id == kP || id == tag_key("br")) {
      break_out();
    } else {
      for (std::size_t i = size_; i-- > 0 && (open_[i].bits & kForeign);) {
        if (open_[i].id != id) continue;
        cut(i);
        result.matched = i;
        result.foreign = true;
        return result;
      }
    }
  }
  const std::size_t at = find_for_end(id, traits);
  result.matched = at;
  if (at == kNone) return result;
  if ((traits & kFormatting) || id == tag_key("form")) {
    for (std::size_t i = at + 1; i < size_ && !result.alone; ++i)
      result.alone = (open_[i].bits & kSpecial) != 0;
  }
  if (result.alone) {
    count(open_[at].id, open_[at].bits, ~std::size_t{0});
    std::copy(open_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
              open_.begin() + static_cast<std::ptrdiff_t>(size_),
              open_.begin() + static_cast<std::ptrdiff_t>(at));
    --size_;
  } else {
    cut(at);
  }
  return result;
}

}  // namespace marquee::brand
