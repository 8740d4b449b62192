#include "brand/html_rewriter.hpp"

#include <algorithm>

#include "brand/byte_scan.hpp"
#include "brand/html_attributes.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
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

HtmlRewriter::HtmlRewriter(const BrandPlan& plan, RewriteOptions options)
    : plan_(&plan),
      tokenizer_(options.max_tag),
      elements_(options.scripting),
      passing_(plan.empty()) {}

// --- bytes --------------------------------------------------------------------

void HtmlRewriter::feed(std::string_view bytes, ByteSink& out) {
  bytes.remove_prefix(take(bytes, out));
  if (!bytes.empty()) out.write(bytes);
}

std::size_t HtmlRewriter::take(std::string_view bytes, ByteSink& out) {
  const std::size_t size = bytes.size();
  // A byte order mark is no text: it does not end the head.
  while (bom_ < 3 && !passing_ && !bytes.empty()) {
    if (bytes.front() != kByteOrderMark[bom_]) {
      const std::string_view begun = kByteOrderMark.substr(0, bom_);
      bom_ = 3;
      if (begun.empty()) break;
      run(begun, out);
      if (passing_ && !tokenizer_.unread().empty()) out.write(tokenizer_.unread());
      break;
    }
    bytes.remove_prefix(1);
    if (++bom_ == 3) out.write(kByteOrderMark);
  }
  if (passing_ || bytes.empty()) return size - bytes.size();
  run(bytes, out);
  return size - (passing_ ? tokenizer_.unread().size() : 0);
}

void HtmlRewriter::finish(ByteSink& out) {
  if (passing_) return;
  if (bom_ < 3) {
    if (bom_ > 0) out.write(kByteOrderMark.substr(0, bom_));
    return;
  }
  tokenizer_.finish();
  run({}, out);
  if (passing_) return;
  out_ = &out;
  end_text();
  on_end_of_page();
  passing_ = true;
}

void HtmlRewriter::run(std::string_view bytes, ByteSink& out) {
  chunk_ = bytes;
  tokenizer_.feed(bytes);
  out_ = &out;
  needle_ = nullptr;
  const bool removes = plan_->removes();
  bool calm = false;
  Token token;
  while (!passing_ && tokenizer_.next(token)) {
    if (calm && passes(token)) continue;
    on_token(token);
    const bool over = head_.phase() == HeadPhase::over;
    calm = over && !removing() && title_ != Title::open;
    if (over && !removes) passing_ = true;
    // Bytes that the tokenizer held are gone with its next token.
    if (run_ && (run_ < chunk_.data() || run_ >= chunk_.data() + chunk_.size())) flush();
  }
  flush();
}

// In the body, outside of everything that is removed: a token that only moves the list
// of open elements, and goes on the run of kept bytes. False: nothing was done.
bool HtmlRewriter::passes(const Token& token) {
  if (run_end_ != token.raw.data() || text_ == Text::held) return false;
  const char* const end = run_end_ + token.raw.size();
  switch (token.kind) {
    case TokenKind::start_tag:
      if (token.opaque || end > needle_ || !elements_.start_plain(token.key)) return false;
      break;
    case TokenKind::end_tag:
      if (token.opaque || !elements_.end_plain(token.key)) return false;
      tokenizer_.set_cdata(elements_.foreign());
      break;
    case TokenKind::text:
      if (token.model == ContentModel::data && !text_passes(token.raw)) return false;
      run_end_ = end;
      return true;
    case TokenKind::comment:
      break;
    default:
      return false;
  }
  text_ = Text::fresh;
  run_end_ = end;
  return true;
}

void HtmlRewriter::keep(std::string_view bytes) {
  if (bytes.empty()) return;
  if (run_end_ != bytes.data()) {
    flush();
    run_ = bytes.data();
  }
  run_end_ = bytes.data() + bytes.size();
}

void HtmlRewriter::insert(std::string_view bytes) {
  flush();
  if (!bytes.empty()) out_->write(bytes);
}

void HtmlRewriter::flush() {
  if (run_) out_->write({run_, static_cast<std::size_t>(run_end_ - run_)});
  run_ = run_end_ = nullptr;
}

// --- tokens -------------------------------------------------------------------

void HtmlRewriter::on_token(const Token& token) {
  if (token.kind != TokenKind::text) end_text();
  switch (token.kind) {
    case TokenKind::text:
      return on_text(token);
    case TokenKind::start_tag:
      return on_start(token);
    case TokenKind::end_tag:
      return on_end(token);
    case TokenKind::unfinished:
      on_end_of_page();
      break;
    case TokenKind::doctype:
      head_.on_doctype();
      break;
    default:
      break;
  }
  if (!removing()) keep(token.raw);
}

void HtmlRewriter::on_text(const Token& token) {
  if (removing()) return;
  if (token.model == ContentModel::data) {
    if (head_.phase() == HeadPhase::over) return judge_text(token.raw);
    const std::size_t end = head_.on_text(token.raw);
    // The text that begins the body passes: its spaces may have gone out already.
    if (head_.phase() == HeadPhase::over) text_ = Text::kept;
    if (end != HeadTracker::kNone) {
      keep(token.raw.substr(0, end));
      insert_head();
      return keep(token.raw.substr(end));
    }
  } else if (title_ == Title::open) {
    title_empty_ = title_empty_ && std::all_of(token.raw.begin(), token.raw.end(), is_space);
    title_named_ = title_named_ || plan_->name_escaped.feed(token.raw, name_escaped_) ||
                   plan_->name_plain.feed(token.raw, name_plain_);
  }
  keep(token.raw);
}

// The quick look: most texts are none that is to go. False: not known.
bool HtmlRewriter::text_passes(std::string_view text) {
  if (text_ == Text::kept || plan_->removed_texts.empty()) return true;
  if (text.size() <= kMaxTextNode) {
    const auto first = std::find_if_not(text.begin(), text.end(), is_space);
    // At the chunk's end it may go on, also behind a '<' or "</" that begins nothing.
    if (first == text.end()) return chunk_.data() + chunk_.size() - (text.data() + text.size()) > 2;
    if (!plan_->removed_texts.rejects(*first)) return false;
  }
  text_ = Text::kept;
  return true;
}

// A piece of text in the body is held while it may be one that is to go.
void HtmlRewriter::judge_text(std::string_view piece) {
  if (text_ == Text::kept || plan_->removed_texts.empty()) return keep(piece);
  const bool fits = held_text_.size() + piece.size() <= kMaxTextNode;
  if (fits) held_text_.append(piece);
  if (fits && plan_->removed_texts.match(held_text_) != TextMatcher::Match::none) {
    text_ = Text::held;
    return;
  }
  if (fits) piece = {};
  insert(held_text_);
  held_text_.clear();
  text_ = Text::kept;
  keep(piece);
}

void HtmlRewriter::end_text() {
  if (text_ == Text::held && plan_->removed_texts.match(held_text_) != TextMatcher::Match::whole)
    insert(held_text_);
  held_text_.clear();
  text_ = Text::fresh;
}

void HtmlRewriter::on_start(const Token& token) {
  if (!token.first) {
    if (keep_pieces_) keep(token.raw);
    return;
  }
  keep_pieces_ = true;
  const std::uint32_t traits = html_traits(token.key);
  const OpenElements::Start start = elements_.on_start(token, traits);
  if (head_.phase() != HeadPhase::over && head_.on_start(token.key, traits, !start.foreign))
    insert_head();
  const bool in_head = head_.phase() != HeadPhase::over && !head_.in_template();
  // What is not known here, and framesets, pass as they are.
  if (!start.known || (token.key == tag_key("frameset") && !start.foreign)) {
    passing_ = true;
    return keep(token.raw);
  }
  if (start.model != ContentModel::data) tokenizer_.set_content(start.model, token.name);
  tokenizer_.set_cdata(elements_.foreign());
  if (removing() && start.floor > removed_) {
    keep_pieces_ = false;
    return;
  }
  removed_ = kNone;
  if (token.opaque) return keep(token.raw);
  brand_tag(token, start.floor, start.pushed, in_head);
}

// A start tag outside of everything that is removed.
void HtmlRewriter::brand_tag(const Token& token, std::size_t depth, bool pushed, bool in_head) {
  if (in_head && head_rule_drops(token)) return;
  bool strip = false;
  if (plan_->removes() && may_be_branding(token.raw) && is_branding(token, strip)) {
    if (pushed) removed_ = depth;
    return;
  }
  if (in_head && token.key == tag_key("title") && title_ == Title::none &&
      !plan_->title_alone.empty())
    title_ = Title::open;
  if (strip) return keep_without_attributes(token);
  keep(token.raw);
}

void HtmlRewriter::on_end(const Token& token) {
  if (!token.first) {
    if (keep_pieces_) keep(token.raw);
    return;
  }
  const OpenElements::End end = elements_.on_end(token, html_traits(token.key));
  if (head_.phase() != HeadPhase::over && head_.on_end(token.key, !end.foreign)) insert_head();
  tokenizer_.set_cdata(elements_.foreign());
  keep_pieces_ = true;
  if (removing()) {
    // A tag that matches nothing, or something inside, goes with it. Where it takes
    // out only the removed element (misnested formatting), its content remains.
    if (end.matched == OpenElements::kNone || end.matched > removed_) {
      keep_pieces_ = false;
    } else if (end.matched == removed_) {
      keep_pieces_ = false;
      if (!end.alone) removed_ = kNone;
    } else if (end.alone) {
      --removed_;
    } else {
      removed_ = kNone;
    }
  } else if (title_ == Title::open && token.key == tag_key("title")) {
    end_title();
  }
  if (keep_pieces_) keep(token.raw);
}

void HtmlRewriter::on_end_of_page() {
  if (!removing() && head_.open() && head_.seen() && !head_.in_template() &&
      tokenizer_.between_tokens())
    insert_head();
}

void HtmlRewriter::insert_head() {
  if (inserted_) return;
  inserted_ = true;
  insert(plan_->head);
}

void HtmlRewriter::end_title() {
  title_ = Title::done;
  if (title_empty_)
    insert(plan_->title_alone);
  else if (!title_named_)
    insert(plan_->title_suffix);
}

// --- rules --------------------------------------------------------------------

bool HtmlRewriter::head_rule_drops(const Token& token) const {
  for (const HeadRule& rule : kHeadRules) {
    Attribute attribute;
    if (rule.element == token.key && plan_->*rule.when &&
        find_attribute(token, rule.attribute, attribute) &&
        rule.matches(decoded_value(attribute.value, kMaxValue)))
      return true;
  }
  return false;
}

// Few tags hold one of the names anywhere: the others' attributes are not read.
// (A class that is written with character references is therefore not found.)
bool HtmlRewriter::may_be_branding(std::string_view tag) {
  const char* const end = tag.data() + tag.size();
  const char* const chunk_end = chunk_.data() + chunk_.size();
  const auto first = [&](const char* from, const char* to) {
    const char* nearest = to;
    for (const std::string& needle : plan_->needles)
      nearest = std::min(nearest, find_folded(from, to, needle));
    return nearest;
  };
  if (tag.data() < chunk_.data() || end > chunk_end) return first(tag.data(), end) != end;
  if (!needle_ || needle_ < tag.data()) needle_ = first(tag.data(), chunk_end);
  return needle_ < end;
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
