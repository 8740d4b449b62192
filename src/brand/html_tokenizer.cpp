#include "brand/html_tokenizer.hpp"

#include <algorithm>

#include "brand/byte_scan.hpp"

namespace marquee::brand {

void HtmlTokenizer::set_content(ContentModel model, std::string_view name) {
  model_ = model;
  escape_ = Escape::none;
  run_ = 0;
  text_end_size_ = static_cast<std::uint8_t>(std::min(name.size(), sizeof text_end_));
  for (std::size_t i = 0; i < text_end_size_; ++i) text_end_[i] = to_lower(name[i]);
}

bool HtmlTokenizer::next_any(Token& token) {
  if (held_out_) {
    held_.clear();
    held_out_ = false;
  }
  if (p_ == end_) return finished_ && rest(token);
  switch (where_) {
    case Where::content:
      return content(token);
    case Where::prefix:
      return prefix(token);
    case Where::tag:
      return tag(token);
    case Where::opaque_tag:
      return opaque_tag(token);
    case Where::comment:
      return comment(token, p_, false);
    case Where::until_gt:
      return until_gt(token, p_, false);
    case Where::cdata:
      return cdata(token, p_, false);
  }
  return false;
}

bool HtmlTokenizer::emit_text(Token& token, const char* from, const char* to) {
  return emit_piece(token, TokenKind::text, from, to, true, true);
}

bool HtmlTokenizer::emit_piece(Token& token, TokenKind kind, const char* from, const char* to,
                               bool first, bool last) {
  token.kind = kind;
  token.model = model_;
  token.first = first;
  token.last = last;
  token.opaque = false;
  token.raw = std::string_view(from, static_cast<std::size_t>(to - from));
  p_ = to;
  return true;
}

// What the page's end left unfinished.
bool HtmlTokenizer::rest(Token& token) {
  if (held_.empty()) return false;
  TokenKind kind = TokenKind::text;
  if (where_ == Where::tag) kind = TokenKind::unfinished;
  // "<!" is an open comment, as "<!x" is.
  const bool open = where_ == Where::prefix && model_ == ContentModel::data && held_.size() > 1 &&
                    held_[1] == '!';
  if (open) kind = TokenKind::bogus_comment;
  emit_piece(token, kind, held_.data(), held_.data() + held_.size(), true, !open);
  p_ = end_;
  held_out_ = true;
  where_ = open ? Where::until_gt : Where::content;
  return true;
}

// --- text ---------------------------------------------------------------------

bool HtmlTokenizer::content(Token& token) {
  if (model_ == ContentModel::plaintext) return emit_text(token, p_, end_);
  if (model_ == ContentModel::script && escape_ != Escape::none) return script_text(token);
  return data_text(token);
}

bool HtmlTokenizer::data_text(Token& token) {
  const char* const from = p_;
  const char* q = from;
  while (true) {
    q = find_byte(q, end_, '<');
    if (q == end_) return emit_text(token, from, end_);
    const Opened opened = classify({q, static_cast<std::size_t>(end_ - q)});
    if (opened.opening == Opening::text) {
      q += opened.size;
      continue;
    }
    if (opened.opening == Opening::script_escape) {
      escape_ = Escape::escaped;
      run_ = 2;
      return emit_text(token, from, q + opened.size);
    }
    if (q != from) return emit_text(token, from, q);
    return begin(token, q, opened);
  }
}

// Escaped script data: "-->" leads out of it, "<script" one level deeper.
bool HtmlTokenizer::script_text(Token& token) {
  const char* const from = p_;
  for (const char* q = from; q != end_;) {
    if (run_ == 0) q = find_any(q, end_, '-', '<', '<', '<');
    if (q == end_) break;
    const char c = *q;
    if (c == '-') {
      run_ = run_ == 0 ? 1 : 2;
      ++q;
      continue;
    }
    const bool ends = c == '>' && run_ == 2;
    if (c != '<') {
      run_ = 0;
      ++q;
      if (!ends) continue;
      escape_ = Escape::none;
      return emit_text(token, from, q);
    }
    const Opened opened = classify({q, static_cast<std::size_t>(end_ - q)});
    if (opened.opening == Opening::undecided || opened.opening == Opening::end_tag) {
      if (q != from) return emit_text(token, from, q);
      return begin(token, q, opened);
    }
    run_ = 0;
    if (opened.opening == Opening::script_twice) escape_ = Escape::twice;
    if (opened.opening == Opening::script_once) escape_ = Escape::escaped;
    q += opened.size;
  }
  return emit_text(token, from, end_);
}

// --- what a '<' begins --------------------------------------------------------

HtmlTokenizer::Opened HtmlTokenizer::classify(std::string_view s) const {
  if (model_ == ContentModel::data) return classify_data(s);
  if (model_ != ContentModel::script) return classify_text_end(s);
  if (escape_ == Escape::twice) {
    const Opened end = classify_text_end(s);
    // Its delimiter belongs to it here, and it is no tag.
    if (end.opening == Opening::end_tag) return {Opening::script_once, 9};
    return end;
  }
  if (escape_ == Escape::escaped) return classify_escaped(s);
  constexpr std::string_view comment = "<!--";
  const std::size_t n = std::min(s.size(), comment.size());
  if (n > 1 && s.substr(0, n) == comment.substr(0, n))
    return {n == comment.size() ? Opening::script_escape : Opening::undecided, n};
  return classify_text_end(s);
}

HtmlTokenizer::Opened HtmlTokenizer::classify_data(std::string_view s) const {
  if (s.size() < 2) return {Opening::undecided, 1};
  const char c = s[1];
  if (is_alpha(c)) return {Opening::start_tag, 1};
  if (c == '/') {
    if (s.size() < 3) return {Opening::undecided, 2};
    return is_alpha(s[2]) ? Opened{Opening::end_tag, 2} : Opened{Opening::bogus, 2};
  }
  if (c == '?') return {Opening::bogus, 2};
  if (c != '!') return {Opening::text, 1};
  constexpr std::string_view doctype = "<!doctype";
  constexpr std::string_view section = "<![CDATA[";
  if (s.size() < 3) return {Opening::undecided, 2};
  if (s[2] == '-') {
    if (s.size() < 4) return {Opening::undecided, 3};
    return s[3] == '-' ? Opened{Opening::comment, 4} : Opened{Opening::bogus, 2};
  }
  const std::size_t n = std::min(s.size(), doctype.size());
  if (equal_ignoring_case(s.substr(0, n), doctype.substr(0, n)))
    return {n == doctype.size() ? Opening::doctype : Opening::undecided, n};
  if (cdata_allowed_ && s.substr(0, n) == section.substr(0, n))
    return {n == section.size() ? Opening::cdata : Opening::undecided, n};
  return {Opening::bogus, 2};
}

// "</name" and then a space, a slash or '>': everything else is text.
HtmlTokenizer::Opened HtmlTokenizer::classify_text_end(std::string_view s) const {
  const std::string_view name(text_end_, text_end_size_);
  if (s.size() < 2) return {Opening::undecided, 1};
  if (s[1] != '/' || name.empty()) return {Opening::text, 1};
  const std::size_t n = std::min(s.size() - 2, name.size());
  if (!equal_ignoring_case(s.substr(2, n), name.substr(0, n))) return {Opening::text, 1};
  if (s.size() <= 2 + name.size()) return {Opening::undecided, s.size()};
  const char c = s[2 + name.size()];
  if (is_space(c) || c == '/' || c == '>') return {Opening::end_tag, 2};
  return {Opening::text, 1};
}

HtmlTokenizer::Opened HtmlTokenizer::classify_escaped(std::string_view s) const {
  if (s.size() < 2 || s[1] == '/') return classify_text_end(s);
  constexpr std::string_view script = "<script";
  const std::size_t n = std::min(s.size(), script.size());
  if (!equal_ignoring_case(s.substr(0, n), script.substr(0, n))) return {Opening::text, 1};
  if (s.size() <= script.size()) return {Opening::undecided, n};
  const char c = s[script.size()];
  if (is_space(c) || c == '/' || c == '>') return {Opening::script_twice, script.size() + 1};
  return {Opening::text, 1};
}

// `from` is at a '<' that begins something; it is the first byte not handed out.
bool HtmlTokenizer::begin(Token& token, const char* from, Opened opened) {
  switch (opened.opening) {
    case Opening::start_tag:
    case Opening::end_tag: {
      const bool start = opened.opening == Opening::start_tag;
      begin_tag(start ? TokenKind::start_tag : TokenKind::end_tag);
      p_ = from + opened.size;
      const char* const after = scan_tag(p_);
      if (!after) {
        where_ = Where::tag;
        p_ = from;
        return tag(token);
      }
      whole_tag(token, {from, static_cast<std::size_t>(after - from)});
      p_ = after;
      return true;
    }
    case Opening::comment:
      comment_ = CommentState::start;
      where_ = Where::comment;
      p_ = from + opened.size;
      return comment(token, from, true);
    case Opening::doctype:
    case Opening::bogus:
      gt_kind_ = opened.opening == Opening::doctype ? TokenKind::doctype : TokenKind::bogus_comment;
      where_ = Where::until_gt;
      p_ = from + opened.size;
      return until_gt(token, from, true);
    case Opening::cdata:
      run_ = 0;
      where_ = Where::cdata;
      p_ = from + opened.size;
      return cdata(token, from, true);
    default:
      break;  // undecided
  }
  held_.assign(from, end_);
  where_ = Where::prefix;
  p_ = end_;
  return false;
}

// The opening was cut off: one byte after another, sixteen at most, is added to
// what is held until it is clear what it is.
bool HtmlTokenizer::prefix(Token& token) {
  while (p_ != end_) {
    held_.push_back(*p_);
    const Opened opened = classify(held_);
    if (opened.opening == Opening::undecided) {
      ++p_;
      continue;
    }
    where_ = Where::content;
    held_out_ = true;
    const char* const from = held_.data();
    switch (opened.opening) {
      case Opening::start_tag:
      case Opening::end_tag:
        // The name's bytes are held already: they are scanned from there.
        begin_tag(opened.opening == Opening::start_tag ? TokenKind::start_tag : TokenKind::end_tag);
        held_.pop_back();
        held_out_ = false;
        where_ = Where::tag;
        {
          const char* const end = end_;
          end_ = held_.data() + held_.size();
          scan_tag(held_.data() + opened.size);
          end_ = end;
        }
        return tag(token);
      case Opening::script_escape:
      case Opening::script_twice:
      case Opening::script_once:
        escape_ = opened.opening == Opening::script_twice ? Escape::twice : Escape::escaped;
        run_ = opened.opening == Opening::script_escape ? 2 : 0;
        [[fallthrough]];
      case Opening::comment:
      case Opening::doctype:
      case Opening::cdata: {
        const char* const next = p_ + 1;
        TokenKind kind = TokenKind::text;
        if (opened.opening == Opening::comment) {
          kind = TokenKind::comment;
          comment_ = CommentState::start;
          where_ = Where::comment;
        } else if (opened.opening == Opening::doctype) {
          kind = gt_kind_ = TokenKind::doctype;
          where_ = Where::until_gt;
        } else if (opened.opening == Opening::cdata) {
          kind = TokenKind::cdata;
          run_ = 0;
          where_ = Where::cdata;
        }
        emit_piece(token, kind, from, from + held_.size(), true, kind == TokenKind::text);
        p_ = next;
        return true;
      }
      default:
        break;
    }
    // Text or a bogus comment; the byte that decided it is read again.
    held_.pop_back();
    const char* const next = p_;
    const bool bogus = opened.opening == Opening::bogus;
    if (bogus) {
      gt_kind_ = TokenKind::bogus_comment;
      where_ = Where::until_gt;
    }
    if (bogus && held_.size() < opened.size) {  // "<?": the byte belongs to it
      held_.push_back(*next);
      emit_piece(token, gt_kind_, held_.data(), held_.data() + held_.size(), true, false);
      p_ = next + 1;
      return true;
    }
    if (escape_ != Escape::none) run_ = 0;
    emit_piece(token, bogus ? gt_kind_ : TokenKind::text, held_.data(), held_.data() + held_.size(),
               true, !bogus);
    p_ = next;
    return true;
  }
  return false;
}

// --- comments and the like ----------------------------------------------------

bool HtmlTokenizer::comment(Token& token, const char* from, bool first) {
  CommentState s = comment_;
  const char* q = p_;
  bool done = false;
  while (q != end_ && !done) {
    if (s == CommentState::body) {
      q = find_byte(q, end_, '-');
      if (q == end_) break;
    }
    const char c = *q++;
    switch (s) {
      case CommentState::start:
        s = c == '-' ? CommentState::start_dash : CommentState::body;
        done = c == '>';
        break;
      case CommentState::start_dash:
        s = c == '-' ? CommentState::end : CommentState::body;
        done = c == '>';
        break;
      case CommentState::body:
        s = CommentState::end_dash;
        break;
      case CommentState::end_dash:
        s = c == '-' ? CommentState::end : CommentState::body;
        break;
      case CommentState::end:
        done = c == '>';
        if (c == '!')
          s = CommentState::end_bang;
        else if (c != '-')
          s = CommentState::body;
        break;
      case CommentState::end_bang:
        done = c == '>';
        s = c == '-' ? CommentState::end_dash : CommentState::body;
        break;
    }
  }
  comment_ = s;
  if (done) where_ = Where::content;
  return emit_piece(token, TokenKind::comment, from, q, first, done);
}

bool HtmlTokenizer::until_gt(Token& token, const char* from, bool first) {
  const char* const q = find_byte(p_, end_, '>');
  const bool done = q != end_;
  if (done) where_ = Where::content;
  return emit_piece(token, gt_kind_, from, done ? q + 1 : q, first, done);
}

bool HtmlTokenizer::cdata(Token& token, const char* from, bool first) {
  const char* q = p_;
  bool done = false;
  while (q != end_ && !done) {
    if (run_ == 0) q = find_byte(q, end_, ']');
    if (q == end_) break;
    const char c = *q++;
    done = c == '>' && run_ == 2;
    if (c != ']')
      run_ = 0;
    else if (run_ < 2)
      ++run_;
  }
  if (done) {
    where_ = Where::content;
    run_ = 0;
  }
  return emit_piece(token, TokenKind::cdata, from, q, first, done);
}

}  // namespace marquee::brand
