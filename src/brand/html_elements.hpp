// The open elements of a page, as a browser's tree builder would hold them
// (WHATWG HTML 13.2.6), as far as it decides where an element ends and how bytes
// are to be read. Pure; at most kMost elements.
//
// Kept: void elements, implied end tags (p, li, td, option ...), scopes, end tags
// that match nothing, elements closed with their parents, misnested formatting,
// foreign content with its breakouts and integration points, elements whose
// content is text. Not kept: foster parenting and reconstructed formatting, which
// move nodes but no tags.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "brand/html_token.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {

class OpenElements {
 public:
  static constexpr std::size_t kMost = 512;

  // `scripting`: <noscript> holds text, as it does for visitors with JavaScript.
  explicit OpenElements(bool scripting = true) : scripting_(scripting) {}

  struct Start {
    // False: what a browser makes of this tag cannot be known here (too deep, text
    // elements in <select>, an overlong tag in foreign content).
    bool known = true;
    bool pushed = false;
    bool foreign = false;   // an element of SVG or MathML within such
    std::size_t floor = 0;  // elements left open when the tag had closed what it closes
    ContentModel model = ContentModel::data;
  };
  Start on_start(const Token& tag, std::uint32_t traits);
  // The same for a tag that closes nothing, whose content is read as any other, and
  // that is no element's that has rules of its own. False: it is none of these, and
  // nothing was done.
  bool start_plain(TagKey key, std::uint32_t traits);

  struct End {
    // Index of the element that the tag closes (all above are closed with it), or
    // kNone: the tag is ignored.
    std::size_t matched = kNone;
    // Only that one element was taken out; those above remain open.
    bool alone = false;
    bool foreign = false;  // it closes an element of SVG or MathML
  };
  static constexpr std::size_t kNone = ~std::size_t{0};
  End on_end(const Token& tag, std::uint32_t traits);
  // The same for a tag that closes the current node, as nearly all do, and this is an
  // element of HTML. False: it is not, and nothing was done.
  bool end_plain(TagKey key) {
    if (size_ == 0 || open_[size_ - 1].id != key || foreign()) return false;
    drop_top();
    return true;
  }

  // Reads plain tags, and text between them, from `p`, which is between two tokens, in
  // the body, to `end` at most. Returns where it stopped: behind a tag, or at p.
  const char* read_plain(const char* p, const char* end);

  std::size_t size() const { return size_; }
  // The current node is foreign: <![CDATA[ begins a section.
  bool foreign() const { return size_ != 0 && (open_[size_ - 1].bits & kForeign) != 0; }

 private:
  static constexpr std::uint32_t kSvg = 1U << 28;
  static constexpr std::uint32_t kMath = 1U << 29;
  static constexpr std::uint32_t kForeign = kSvg | kMath;
  static constexpr std::uint32_t kHtmlPoint = 1U << 30;  // integration points
  static constexpr std::uint32_t kTextPoint = 1U << 31;

  static constexpr std::size_t kUsual = 32;
  struct Element {
    std::uint64_t id = 0;
    std::uint32_t bits = 0;
  };

  bool foreign_rules(std::uint64_t id) const;
  bool start_foreign(const Token& tag, std::uint64_t id, std::uint32_t traits, Start& result);
  bool start_html(const Token& tag, std::uint64_t id, std::uint32_t traits, Start& result);
  bool start_peculiar(const Token& tag, std::uint32_t traits, Start& result);
  bool start_known(TagKey key, std::uint32_t traits);
  bool closes_nothing(TagKey key, std::uint32_t traits) const;
  bool push(std::uint64_t id, std::uint32_t bits, Start& result);
  void break_out();
  void close_implied(TagKey key, std::uint32_t traits);
  void close_list_item(std::uint32_t traits);
  bool close_table_parts(TagKey key, std::uint32_t traits);
  void close_outer_table();
  std::size_t find_in_scope(std::uint64_t id, std::uint32_t stop, TagKey extra1 = 0,
                            TagKey extra2 = 0) const;
  std::size_t find_for_end(std::uint64_t id, std::uint32_t traits) const;
  std::size_t find_any(std::uint64_t id) const;
  void cut(std::size_t size);
  void drop_top() {
    --size_;
    count(open_[size_].id, open_[size_].bits, ~std::size_t{0});
  }
  void add(std::uint64_t id, std::uint32_t bits) {
    count(id, bits, 1);
    if (size_ == open_.size()) open_.resize(size_ < kUsual ? kUsual : kMost);
    open_[size_++] = {id, bits};
  }
  void count(std::uint64_t id, std::uint32_t bits, std::size_t by) {
    if (bits & kCounted) (id == tag_key("p") ? paragraphs_ : anchors_) += by;
  }

  std::vector<Element> open_;  // the first size_ of them
  std::size_t size_ = 0;
  std::size_t paragraphs_ = 0;  // how many of them are p
  std::size_t anchors_ = 0;     // and a
  bool scripting_;
};

}  // namespace marquee::brand
