#include "brand/html_head.hpp"

#include "brand/html_traits.hpp"

namespace marquee::brand {

bool HeadTracker::leave() {
  const bool was_open = open();
  phase_ = HeadPhase::over;
  return was_open;
}

bool HeadTracker::on_start(TagKey key, std::uint32_t traits, bool html) {
  if (phase_ == HeadPhase::over) return false;
  if (in_template()) {
    if (key == tag_key("template") && html) ++templates_;
    return false;
  }
  seen_ = true;
  if (key == tag_key("html")) return false;
  if (key == tag_key("head")) {
    // Only the first one opens it; a browser ignores the others.
    if (phase_ == HeadPhase::before) phase_ = HeadPhase::inside;
    return false;
  }
  if (!(traits & (phase_ == HeadPhase::after ? kAfterHead : kHeadContent))) return leave();
  if (phase_ == HeadPhase::before) phase_ = HeadPhase::inside;
  if (key == tag_key("template")) ++templates_;
  return false;
}

bool HeadTracker::on_end(TagKey key, bool html) {
  if (phase_ == HeadPhase::over) return false;
  if (in_template()) {
    if (key == tag_key("template") && html) --templates_;
    return false;
  }
  if (key == tag_key("head") && open()) {
    seen_ = true;
    phase_ = HeadPhase::after;
    return true;
  }
  if (key == tag_key("body") || key == tag_key("html") || key == tag_key("br")) return leave();
  return false;
}

std::size_t HeadTracker::on_text(std::string_view text) {
  if (phase_ == HeadPhase::over || in_template()) return kNone;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_space(text[i])) continue;
    const bool was_open = leave();
    return was_open ? i : kNone;
  }
  return kNone;
}

}  // namespace marquee::brand
