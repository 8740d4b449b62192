#include "brand/css_tokenizer.hpp"

#include <array>
#include <charconv>

#include "brand/escape.hpp"
#include "brand/html_token.hpp"

namespace marquee::brand {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) {
  c = to_lower(c);
  return is_digit(c) || (c >= 'a' && c <= 'f');
}
bool name_start(char c) { return is_alpha(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool name_byte(char c) { return name_start(c) || is_digit(c) || c == '-'; }
bool css_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }

void append_escaped(std::string& out, char c) {
  std::array<char, 4> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<unsigned char>(c), 16)
          .ptr;
  out.push_back('\\');
  out.append(digits.data(), end).push_back(' ');
}

}  // namespace

std::string clean_css(std::string_view css) {
  std::string out;
  out.reserve(css.size());
  for (std::size_t i = 0; i < css.size();) {
    const std::int32_t c = next_character(css, i);
    if (c == '\r') {
      if (i >= css.size() || css[i] != '\n') out.push_back('\n');
    } else if (c == '\f') {
      out.push_back('\n');
    } else if (c <= 0) {
      append_utf8(out, 0xFFFD);
    } else if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7F) || c >= 0xA0) {
      append_utf8(out, static_cast<char32_t>(c));
    }
  }
  return out;
}

void append_css_name(std::string& out, std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    // A digit in front would make a number of it, and so would "-1".
    const bool first = i == 0 || (i == 1 && name[0] == '-');
    // "-" is no name, and "--" before '>' would be the end of a comment in HTML.
    const bool dash = i + 1 == name.size() && first && c == '-';
    if (name_byte(c) && !(first && is_digit(c)) && !dash)
      out.push_back(c);
    else
      append_escaped(out, c);
  }
}

void append_css_string(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7F)
      append_escaped(out, c);
    else
      out.push_back(c);
  }
}

bool CssTokenizer::ident_at(std::size_t i) const {
  if (at(i) == '-') return name_start(at(i + 1)) || at(i + 1) == '-' || escape_at(i + 1);
  return name_start(at(i)) || escape_at(i);
}

bool CssTokenizer::number_at(std::size_t i) const {
  if (at(i) == '+' || at(i) == '-') ++i;
  return is_digit(at(i)) || (at(i) == '.' && is_digit(at(i + 1)));
}

// at_ is behind the backslash.
void CssTokenizer::take_escape(std::string& out) {
  if (!is_hex(at(0))) {
    std::size_t i = at_;
    if (next_character(css_, i) < 0) i = at_ + 1;
    out.append(css_.substr(at_, i - at_));
    at_ = i;
    return;
  }
  char32_t c = 0;
  for (int digits = 0; digits < 6 && is_hex(at(0)); ++digits, ++at_) {
    const char d = to_lower(at(0));
    c = c * 16 + static_cast<char32_t>(is_digit(d) ? d - '0' : d - 'a' + 10);
  }
  if (css_space(at(0))) ++at_;
  // C1 control characters would be left out when this is read again.
  const bool none =
      c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || (c >= 0x80 && c < 0xA0);
  append_utf8(out, none ? 0xFFFD : c);
}

void CssTokenizer::take_name(std::string& out) {
  while (at_ < css_.size()) {
    if (name_byte(at(0))) {
      out.push_back(css_[at_++]);
    } else if (escape_at(0)) {
      ++at_;
      take_escape(out);
    } else {
      return;
    }
  }
}

void CssTokenizer::take_number(CssToken& token) {
  token.kind = CssKind::number;
  const auto digits = [&] {
    while (is_digit(at(0))) token.text.push_back(css_[at_++]);
  };
  if (at(0) == '+' || at(0) == '-') token.text.push_back(css_[at_++]);
  digits();
  if (at(0) == '.' && is_digit(at(1))) {
    token.text.push_back(css_[at_++]);
    digits();
  }
  if (to_lower(at(0)) == 'e' &&
      (is_digit(at(1)) || ((at(1) == '+' || at(1) == '-') && is_digit(at(2))))) {
    token.text.push_back(css_[at_++]);
    token.text.push_back(css_[at_++]);
    digits();
  }
  if (at(0) == '%') {
    ++at_;
    token.unit = "%";
  } else if (ident_at(0)) {
    take_name(token.unit);
  }
}

void CssTokenizer::take_string(CssToken& token) {
  const char quote = css_[at_++];
  token.kind = CssKind::string;
  while (at_ < css_.size()) {
    const char c = css_[at_];
    if (c == '\n') {
      token.kind = CssKind::bad;
      return;
    }
    ++at_;
    if (c == quote) return;
    if (c != '\\') {
      token.text.push_back(c);
    } else if (at(0) == '\n') {
      ++at_;
    } else if (at_ < css_.size()) {
      take_escape(token.text);
    }
  }
}

void CssTokenizer::take_ident_like(CssToken& token) {
  token.kind = CssKind::ident;
  take_name(token.text);
  if (at(0) != '(') return;
  ++at_;
  token.kind = CssKind::function;
  if (!equal_ignoring_case(token.text, "url")) return;
  std::size_t i = 0;
  while (css_space(at(i))) ++i;
  if (at(i) == '"' || at(i) == '\'') return;
  at_ += i;
  take_url(token);
}

void CssTokenizer::take_url(CssToken& token) {
  token.kind = CssKind::url;
  token.text.clear();
  while (at_ < css_.size()) {
    const char c = css_[at_++];
    if (c == ')') return;
    if (css_space(c)) {
      while (css_space(at(0))) ++at_;
      if (at(0) != ')' && at_ < css_.size()) token.kind = CssKind::bad;
    } else if (c == '\\' && at_ < css_.size() && at(0) != '\n') {
      take_escape(token.text);
    } else if (c == '"' || c == '\'' || c == '(' || c == '\\') {
      token.kind = CssKind::bad;
    } else {
      token.text.push_back(c);
    }
  }
}

void CssTokenizer::next(CssToken& token) {
  token.text.clear();
  token.unit.clear();
  token.kind = CssKind::end;
  if (at_ >= css_.size()) return;
  const char c = css_[at_];
  if (c == '/' && at(1) == '*') {
    const std::size_t close = css_.find("*/", at_ + 2);
    at_ = close == std::string_view::npos ? css_.size() : close + 2;
    token.kind = CssKind::comment;
  } else if (css_space(c)) {
    while (css_space(at(0))) ++at_;
    token.kind = CssKind::space;
  } else if (c == '"' || c == '\'') {
    take_string(token);
  } else if (number_at(0)) {
    take_number(token);
  } else if (c == '#' && (name_byte(at(1)) || escape_at(1))) {
    ++at_;
    token.kind = CssKind::hash;
    take_name(token.text);
  } else if (c == '@' && ident_at(1)) {
    ++at_;
    token.kind = CssKind::at_keyword;
    take_name(token.text);
  } else if (css_.substr(at_, 4) == "<!--" || css_.substr(at_, 3) == "-->") {
    at_ += c == '<' ? 4 : 3;
    token.kind = CssKind::comment;
  } else if (ident_at(0)) {
    take_ident_like(token);
  } else {
    ++at_;
    token.kind = CssKind::delim;
    token.text.push_back(c);
  }
}

}  // namespace marquee::brand
