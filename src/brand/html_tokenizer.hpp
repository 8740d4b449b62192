// A streaming HTML tokenizer (WHATWG HTML, section 13.2.5): bytes in, in any
// split, tokens out as spans of them. Pure; constant memory.
//
// Bytes are read as ASCII with an unknown upper half, which is right for UTF-8,
// windows-125x and ISO-8859-x. Character references are not decoded.
//
// The tokenizer knows no elements: its user tells it after each start tag how
// the content of that element is to be read (html_elements.hpp knows).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "brand/html_token.hpp"

namespace marquee::brand {

class HtmlTokenizer {
 public:
  static constexpr std::size_t kMaxTag = std::size_t{64} << 10;
  static constexpr std::size_t kLeastMaxTag = 256;

  // Tags longer than `max_tag` bytes are opaque. At most so many bytes are held.
  explicit HtmlTokenizer(std::size_t max_tag = kMaxTag)
      : max_tag_(max_tag < kLeastMaxTag ? kLeastMaxTag : max_tag) {}

  // The next bytes. Only when next() has said false; they stay where they are
  // until it says so again.
  void feed(std::string_view bytes) {
    p_ = bytes.data();
    end_ = p_ + bytes.size();
  }
  // There are no more bytes: next() hands out what was held.
  void finish() { finished_ = true; }

  // False: everything is handed out, or held until more comes. The token's views
  // are valid until the next call of next() or feed().
  bool next(Token& token) {
    if (p_ != end_ && between_tokens() && !held_out_) {
      if (*p_ != '<') return plain_text(token);
      if (plain_tag(token)) return true;
    }
    return next_any(token);
  }

  // How the content after the start tag that next() handed out last is read, up
  // to `</name`. `name` is copied, in lower case; at most 16 bytes.
  void set_content(ContentModel model, std::string_view name = {});
  // Whether <![CDATA[ begins a section (the current node is foreign) or a comment.
  void set_cdata(bool allowed) { cdata_allowed_ = allowed; }

  // What was fed and is not handed out yet.
  std::string_view unread() const { return {p_, static_cast<std::size_t>(end_ - p_)}; }
  // Bytes of it that someone else has read: whole tokens, between two tokens.
  void skip(std::size_t size) { p_ += size; }

  // Nothing is held and nothing is open: text or a tag may stand here.
  bool between_tokens() const { return where_ == Where::content && model_ == ContentModel::data; }

  enum class TagState : std::uint8_t {
    name,
    before_attribute,
    attribute_name,
    after_attribute_name,
    before_value,
    value_double,
    value_single,
    value_unquoted,
    after_value,
    solidus,
  };

 private:
  enum class Where : std::uint8_t { content, prefix, tag, opaque_tag, comment, until_gt, cdata };
  enum class CommentState : std::uint8_t { start, start_dash, body, end_dash, end, end_bang };
  enum class Escape : std::uint8_t { none, escaped, twice };  // of script data
  // What a '<' begins.
  enum class Opening : std::uint8_t {
    undecided,
    text,
    start_tag,
    end_tag,
    comment,
    doctype,
    cdata,
    bogus,
    script_escape,  // <!-- in script data
    script_twice,   // <script in escaped script data
    script_once,    // </script in doubly escaped script data
  };
  struct Opened {
    Opening opening;
    std::size_t size;  // bytes that belong to the opening
  };

  bool plain_text(Token& token);
  bool plain_tag(Token& token);
  bool rest_of_tag(Token& token, const char* p);
  bool next_any(Token& token);
  bool content(Token& token);
  bool data_text(Token& token);
  bool script_text(Token& token);
  bool prefix(Token& token);
  bool begin(Token& token, const char* from, Opened opened);
  bool tag(Token& token);
  bool opaque_tag(Token& token);
  bool comment(Token& token, const char* from, bool first);
  bool until_gt(Token& token, const char* from, bool first);
  bool cdata(Token& token, const char* from, bool first);
  bool rest(Token& token);

  Opened classify(std::string_view s) const;
  Opened classify_data(std::string_view s) const;
  Opened classify_text_end(std::string_view s) const;
  Opened classify_escaped(std::string_view s) const;

  void begin_tag(TokenKind kind);
  const char* scan_tag(const char* p);
  void whole_tag(Token& token, std::string_view raw);
  bool emit_text(Token& token, const char* from, const char* to);
  bool emit_piece(Token& token, TokenKind kind, const char* from, const char* to, bool first,
                  bool last);

  const char* p_ = nullptr;
  const char* end_ = nullptr;
  std::size_t max_tag_;
  std::string held_;       // the beginning of a construct that the input cut off
  bool held_out_ = false;  // the last token was in held_
  bool finished_ = false;

  Where where_ = Where::content;
  ContentModel model_ = ContentModel::data;
  Escape escape_ = Escape::none;
  std::uint8_t run_ = 0;  // dashes or brackets in a row, 2 at most
  CommentState comment_ = CommentState::start;
  bool cdata_allowed_ = false;

  TokenKind tag_kind_ = TokenKind::start_tag;
  TokenKind gt_kind_ = TokenKind::bogus_comment;
  TagState tag_state_ = TagState::name;
  bool self_closing_ = false;
  bool odd_name_ = false;
  std::size_t name_size_ = 0;
  TagKey key_ = 0;

  char text_end_[16] = {};  // the name that ends the text
  std::uint8_t text_end_size_ = 0;
};

}  // namespace marquee::brand
