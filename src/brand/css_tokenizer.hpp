// The tokens of CSS (CSS Syntax Module Level 3, section 4), with escapes decoded.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::brand {

enum class CssKind : std::uint8_t {
  end,
  space,
  comment,
  ident,
  function,    // text: its name; the parenthesis is part of the token
  at_keyword,  // text: without @
  hash,        // text: without #
  string,      // text: without quotes
  url,         // text: of an unquoted url(...)
  number,      // text: as written, then `unit`
  delim,       // text: one character
  bad,         // a string or url that is broken
};

struct CssToken {
  CssKind kind = CssKind::end;
  std::string text;
  std::string unit;  // of a number: "px", "%"
};

class CssTokenizer {
 public:
  // `css` outlives the tokenizer and has been through clean_css.
  explicit CssTokenizer(std::string_view css) : css_(css) {}
  // At the end: CssKind::end, again and again.
  void next(CssToken& token);

 private:
  char at(std::size_t i) const { return at_ + i < css_.size() ? css_[at_ + i] : '\0'; }
  bool escape_at(std::size_t i) const {
    return at(i) == '\\' && at_ + i + 1 < css_.size() && at(i + 1) != '\n';
  }
  bool ident_at(std::size_t i) const;
  bool number_at(std::size_t i) const;
  void take_escape(std::string& out);
  void take_name(std::string& out);
  void take_number(CssToken& token);
  void take_string(CssToken& token);
  void take_ident_like(CssToken& token);
  void take_url(CssToken& token);

  std::string_view css_;
  std::size_t at_ = 0;
};

// The input stream preprocessed (section 3.3), and more: line ends become \n, NUL
// and what is no UTF-8 U+FFFD, other control characters are left out.
std::string clean_css(std::string_view css);

// A name or the inside of a string in double quotes, written so that nothing in it
// is read as anything else, be it by CSS or by HTML around it.
void append_css_name(std::string& out, std::string_view name);
void append_css_string(std::string& out, std::string_view text);

}  // namespace marquee::brand
