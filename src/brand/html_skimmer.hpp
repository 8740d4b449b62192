// Bytes of a page's body that went on before anyone read them. Of a page in which
// nothing can be removed nobody need know the tags: a search for the plan's needles
// says so. Only where a needle turns up must all that stands before it be known; for
// that the bytes are kept, kMost at most, and read then. Pure.
//
// Two things may not go on yet, since what comes may still make them something that is
// to be removed: a tag that has begun, and the beginning of a text. Both are found from
// the end, without reading what lies before. Let g be the last '>':
//  - A tag that has begun in front of g would hold it in a quoted value, as every other
//    '>' ends a tag (WHATWG HTML 13.2.5.32-39). The last quote of that kind in front of
//    g would have opened the value: before it stands '=', between them only spaces.
//    Where that is so, the bytes must be read; else no tag has.
//  - A tag that has begun behind g did so at a '<' behind g, and the first one that may
//    begin one is waited for. In a script or comment it is none: then it waits in vain.
//  - A text that is to be removed holds neither '<' nor '>', and begins behind a '>'.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "brand/brand.hpp"

namespace marquee::brand {

class HtmlSkimmer {
 public:
  static constexpr std::size_t kMost = std::size_t{128} << 10;
  static constexpr std::size_t kMostWaiting = 4096;

  // Between two tokens. `in_text`: of the text that stands here, some has gone on.
  void start(bool in_text);
  void stop() { active_ = false; }
  bool active() const { return active_; }

  // More of the page; `searched`: it holds no needle. False: it must be read, and so
  // must all that was added before.
  bool add(std::string_view bytes, const BrandPlan& plan, bool searched);

  // What was added, and how much of it may go on: never less than before.
  std::string_view bytes() const { return bytes_; }
  std::size_t passed() const { return passed_; }

 private:
  bool holds_needle(std::size_t from, const BrandPlan& plan) const;
  bool find_end(std::size_t from, const BrandPlan& plan);
  bool opens_value(const char* quote) const;
  bool in_value(char quote, const char* from, const char* gt, bool& opened) const;

  std::string bytes_;
  std::size_t passed_ = 0;
  std::size_t text_ = 0;        // behind the last '>'
  bool text_passed_ = false;    // some of the text there has gone on
  bool double_opened_ = false;  // the last '"' follows a '='
  bool single_opened_ = false;
  bool active_ = false;
};

}  // namespace marquee::brand
