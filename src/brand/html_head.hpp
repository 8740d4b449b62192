// Where a page's head ends, as a browser sees it: the insertion modes from
// "initial" to "after head" (WHATWG HTML 13.2.6.4.1-6). Tags of html, head and
// body may be missing, doubled or in the wrong place.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "brand/html_token.hpp"

namespace marquee::brand {

enum class HeadPhase : std::uint8_t {
  before,  // nothing but white space, comments, a doctype and <html>
  inside,
  after,  // behind </head>: what belongs into a head still goes there
  over,   // the body (or frameset) has begun
};

class HeadTracker {
 public:
  HeadPhase phase() const { return phase_; }
  bool open() const { return phase_ == HeadPhase::before || phase_ == HeadPhase::inside; }
  // Content of a <template> is no part of the head.
  bool in_template() const { return templates_ != 0; }
  // Something of a page was seen, were it only a doctype.
  bool seen() const { return seen_; }

  void on_doctype() { seen_ = true; }
  // True: the head ends right in front of this tag. `html`: by the rules of HTML,
  // not of foreign content.
  bool on_start(TagKey key, std::uint32_t traits, bool html);
  bool on_end(TagKey key, bool html);
  // The offset in a piece of text at which the head, or what may follow it, ends.
  static constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t on_text(std::string_view text);

 private:
  bool leave();

  HeadPhase phase_ = HeadPhase::before;
  std::uint32_t templates_ = 0;
  bool seen_ = false;
};

}  // namespace marquee::brand
