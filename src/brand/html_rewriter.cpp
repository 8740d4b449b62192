#include "brand/html_rewriter.hpp"

#include <algorithm>
#include <utility>

#include "brand/html_attributes.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
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
  out_ = &out;
  if (skimmer_.active()) {
    // No needle stands in it: what waits, be it a tag cut off, goes as it is.
    insert(skimmer_.bytes().substr(skimmer_.passed()));
  } else {
    tokenizer_.finish();
    read({}, false);
    if (passing_) return;
    end_text();
    on_end_of_page();
  }
  passing_ = true;
}

void HtmlRewriter::run(std::string_view bytes, ByteSink& out) {
  out_ = &out;
  if (skimmer_.active()) {
    if (skim(bytes, false)) return flush();
    skimmer_.stop();
    std::string_view waits = skimmer_.bytes();
    catch_up(waits.substr(0, skimmer_.passed()));
    waits.remove_prefix(skimmer_.passed());
    needle_ = nullptr;
    if (!passing_) {
      read(waits, false);
      waits = tokenizer_.unread();
    }
    insert(waits);
    if (passing_) return tokenizer_.feed(bytes);
  }
  needle_ = nullptr;
  read(bytes, plan_->skims);
}

// needle_ is null or in `bytes`. `skims`: what stands behind the last needle may go on unread.
void HtmlRewriter::read(std::string_view bytes, bool skims) {
  chunk_ = bytes;
  tokenizer_.feed(bytes);
  const bool removes = plan_->removes();
  bool calm = false;
  Token token;
  while (!passing_ && tokenizer_.next(token)) {
    if (!calm || !passes(token)) {
      on_token(token);
      const bool over = head_.phase() == HeadPhase::over;
      calm = over && !removing() && title_ != Title::open;
      if (over && !removes) passing_ = true;
      // Bytes that the tokenizer held are gone with its next token.
      if (run_ && (run_ < chunk_.data() || run_ >= chunk_.data() + chunk_.size())) flush();
    }
    if (!calm || passing_ || text_ == Text::held || !tokenizer_.between_tokens()) continue;
    if (skims) begin_skimming(skims);
    pass_plain();
  }
  flush();
}

// --- bytes that go on unread ----------------------------------------------------

// From here to the chunk's end, if it holds no needle. `again`: it is worth asking
// behind the next token.
void HtmlRewriter::begin_skimming(bool& again) {
  const std::string_view rest = tokenizer_.unread();
  if (rest.empty() || next_needle(rest.data()) != rest.data() + rest.size()) return;
  skimmer_.start(text_ == Text::kept);
  if (skim(rest, true)) return tokenizer_.feed({});
  skimmer_.stop();
  again = false;
}

bool HtmlRewriter::skim(std::string_view bytes, bool searched) {
  const std::size_t size = skimmer_.bytes().size();
  const std::size_t passed = skimmer_.passed();
  if (!skimmer_.add(bytes, *plan_, searched)) return false;
  const std::size_t now = skimmer_.passed();
  if (passed < size) insert(skimmer_.bytes().substr(passed, std::min(now, size) - passed));
  if (now > size) keep(bytes.substr(0, now - size));
  return true;
}

// Reads what went on unread, as if it had been read then.
void HtmlRewriter::catch_up(std::string_view bytes) {
  struct Nowhere final : ByteSink {
    void write(std::string_view) override {}
  };
  Nowhere nowhere;
  ByteSink* const out = std::exchange(out_, &nowhere);
  needle_ = bytes.data() + bytes.size();
  read(bytes, false);
  // A text that was on its way to one that is to go did not become it.
  if (text_ == Text::held) text_ = Text::kept;
  held_text_.clear();
  out_ = out;
}

// In the body, outside of everything that is removed: a token that only moves the list
// of open elements, and goes on the run of kept bytes. False: nothing was done.
bool HtmlRewriter::passes(const Token& token) {
  if (run_end_ != token.raw.data() || text_ == Text::held) return false;
  const char* const end = run_end_ + token.raw.size();
  switch (token.kind) {
    case TokenKind::start_tag:
      if (token.opaque || end > needle_ || token.key == 0 ||
          !elements_.start_plain(token.key, html_traits(token.key)))
        return false;
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

// Likewise, of what stands in front of the next needle, all that is plain: no text there
// is one that is to go.
void HtmlRewriter::pass_plain() {
  const std::string_view rest = tokenizer_.unread();
  if (rest.empty()) return;
  const char* const stop = elements_.read_plain(rest.data(), next_needle(rest.data()));
  const auto size = static_cast<std::size_t>(stop - rest.data());
  if (size == 0) return;
  keep(rest.substr(0, size));
  tokenizer_.skip(size);
  tokenizer_.set_cdata(elements_.foreign());
  text_ = Text::fresh;
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

}  // namespace marquee::brand
