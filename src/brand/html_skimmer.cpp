#include "brand/html_skimmer.hpp"

#include <algorithm>

#include "brand/byte_scan.hpp"
#include "brand/html_tag_scan.hpp"

namespace marquee::brand {

void HtmlSkimmer::start(bool in_text) {
  bytes_.clear();
  passed_ = text_ = 0;
  text_passed_ = in_text;
  double_opened_ = single_opened_ = false;
  active_ = true;
}

bool HtmlSkimmer::add(std::string_view bytes, const BrandPlan& plan, bool searched) {
  const std::size_t old = bytes_.size();
  if (bytes.size() > kMost - old) return false;
  // A page often comes as one great piece and a small rest.
  if (old == 0) bytes_.reserve(bytes.size() + std::min(bytes.size() / 8, kMost - bytes.size()));
  bytes_.append(bytes);
  if ((searched || !holds_needle(old, plan)) && find_end(old, plan)) return true;
  bytes_.resize(old);
  return false;
}

// One that ends behind `from`.
bool HtmlSkimmer::holds_needle(std::size_t from, const BrandPlan& plan) const {
  const char* const end = bytes_.data() + bytes_.size();
  return std::any_of(plan.needles.begin(), plan.needles.end(), [&](const std::string& needle) {
    const char* const begin = bytes_.data() + from - std::min(from, needle.size() - 1);
    return find_folded(begin, end, needle) != end;
  });
}

bool HtmlSkimmer::opens_value(const char* quote) const {
  const char* const begin = bytes_.data();
  do {
    if (quote == begin) return false;
    --quote;
  } while (is_space(*quote));
  return *quote == '=';
}

// Whether `gt`, behind `from`, may stand in a value with such quotes; `opened` is
// known of the bytes in front of `from`, and then of all.
bool HtmlSkimmer::in_value(char quote, const char* from, const char* gt, bool& opened) const {
  bool in = opened;
  if (gt) {
    if (const char* const last = find_last_byte(from, gt, quote)) in = opens_value(last);
    from = gt;
    opened = in;
  }
  const char* const last = find_last_byte(from, bytes_.data() + bytes_.size(), quote);
  if (last) opened = opens_value(last);
  return gt && in;
}

// Sets passed_; the bytes from `from` on are new. False: not known, and passed_ as it was.
bool HtmlSkimmer::find_end(std::size_t from, const BrandPlan& plan) {
  const char* const begin = bytes_.data();
  const char* const end = begin + bytes_.size();
  const char* const gt = find_last_byte(begin + from, end, '>');
  const bool in_double = in_value('"', begin + from, gt, double_opened_);
  const bool in_single = in_value('\'', begin + from, gt, single_opened_);
  if (in_double || in_single) return false;
  if (gt) {
    text_ = static_cast<std::size_t>(gt - begin) + 1;
    text_passed_ = false;
  }
  // Between text_ and passed_ stands no '<' that may begin something.
  const char* const unknown = begin + std::max(text_, passed_);
  const char* open = find_byte(unknown, end, '<');
  while (end - open > 1 && !opens_markup(open[1])) open = find_byte(open + 1, end, '<');
  if (open != end) {
    if (end - open > 1 && (open[1] == '!' || open[1] == '?')) return false;
    // What a '<' is, the byte behind it says: they are not parted.
    while (open != unknown && open[-1] == '<') --open;
    if (static_cast<std::size_t>(end - open) > kMostWaiting) return false;
    passed_ = static_cast<std::size_t>(open - begin);
    return true;
  }
  const std::string_view text(begin + text_, static_cast<std::size_t>(end - begin) - text_);
  if (!text_passed_ && plan.removed_texts.match(text) != TextMatcher::Match::none) {
    passed_ = text_;
  } else {
    passed_ = bytes_.size();
    text_passed_ = !text.empty();
  }
  return true;
}

}  // namespace marquee::brand
