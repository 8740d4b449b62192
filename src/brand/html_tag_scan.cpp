// The tokenizer's states inside a tag, from the name to '>'.
#include "brand/html_tag_scan.hpp"

#include <algorithm>

#include "brand/byte_scan.hpp"
#include "brand/html_tokenizer.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kOpaqueName = 64;

}  // namespace

void HtmlTokenizer::begin_tag(TokenKind kind) {
  tag_kind_ = kind;
  tag_state_ = TagState::name;
  self_closing_ = false;
  odd_name_ = false;
  name_size_ = 0;
  key_ = 0;
}

// From p to end_: behind the '>' that ends the tag, or null.
const char* HtmlTokenizer::scan_tag(const char* p) {
  const char* const end = end_;
  TagState state = tag_state_;
  while (p != end) {
    switch (state) {
      case TagState::name: {
        const char* const from = p;
        TagKey key = key_;
        for (; p != end; ++p) {
          const std::uint8_t code = kNameBytes[static_cast<unsigned char>(*p)];
          if (code == kEndOfName) break;
          if (code == 0xFF) odd_name_ = true;
          key = key << 5 | (code & 31U);
        }
        key_ = key;
        name_size_ += static_cast<std::size_t>(p - from);
        if (p == end) break;
        state = TagState::before_attribute;
        [[fallthrough]];
      }
      case TagState::before_attribute:
        while (p != end && tag_byte(*p, kSpace)) ++p;
        if (p == end) break;
        if (*p == '>') return p + 1;
        state = *p == '/' ? TagState::solidus : TagState::attribute_name;
        ++p;
        if (state == TagState::solidus || p == end) break;
        [[fallthrough]];
      case TagState::attribute_name:
        while (p != end && !tag_byte(*p, kEndsAttributeName)) ++p;
        if (p == end) break;
        if (*p != '=') {
          state = TagState::after_attribute_name;
          break;
        }
        ++p;
        state = TagState::before_value;
        if (p == end) break;
        [[fallthrough]];
      case TagState::before_value:
        while (p != end && tag_byte(*p, kSpace)) ++p;
        if (p == end) break;
        if (*p == '>') return p + 1;
        if (*p == '\'') {
          state = TagState::value_single;
          ++p;
          break;
        }
        if (*p != '"') {
          state = TagState::value_unquoted;
          break;
        }
        state = TagState::value_double;
        ++p;
        [[fallthrough]];
      case TagState::value_double:
        p = find_byte(p, end, '"');
        if (p == end) break;
        ++p;
        state = TagState::after_value;
        if (p == end) break;
        [[fallthrough]];
      case TagState::after_value:
        if (*p == '>') return p + 1;
        state = TagState::before_attribute;  // a slash is seen there as well
        break;
      case TagState::value_single:
        p = find_byte(p, end, '\'');
        if (p == end) break;
        ++p;
        state = TagState::after_value;
        break;
      case TagState::value_unquoted:
        while (p != end && !tag_byte(*p, kEndsUnquoted)) ++p;
        if (p != end) state = TagState::before_attribute;
        break;
      case TagState::after_attribute_name:
        while (p != end && tag_byte(*p, kSpace)) ++p;
        if (p == end) break;
        if (*p == '>') return p + 1;
        if (*p == '/')
          state = TagState::solidus;
        else
          state = *p == '=' ? TagState::before_value : TagState::attribute_name;
        ++p;
        break;
      case TagState::solidus:
        if (*p == '>') {
          self_closing_ = true;
          return p + 1;
        }
        state = TagState::before_attribute;
        break;
    }
  }
  tag_state_ = state;
  return nullptr;
}

void HtmlTokenizer::whole_tag(Token& token, std::string_view raw) {
  token.kind = tag_kind_;
  token.model = ContentModel::data;
  token.first = token.last = true;
  token.opaque = raw.size() > max_tag_;
  token.self_closing = self_closing_ && !token.opaque;
  token.raw = raw;
  const std::size_t most = token.opaque ? std::min(name_size_, kOpaqueName) : name_size_;
  token.name = raw.substr(tag_kind_ == TokenKind::end_tag ? 2 : 1, most);
  token.key = odd_name_ || name_size_ > 12 ? 0 : key_;
  where_ = Where::content;
  if (tag_kind_ == TokenKind::end_tag) model_ = ContentModel::data;
}

// A tag whose first bytes are held, or that the input cuts off (p_ is at its '<',
// nothing is held, and it has been scanned to end_).
bool HtmlTokenizer::tag(Token& token) {
  const bool scanned = held_.empty();
  const char* const after = scanned ? nullptr : scan_tag(p_);
  const char* const to = after ? after : end_;
  if (after) {
    held_.append(p_, to);
    p_ = to;
    whole_tag(token, held_);
    held_out_ = true;
    return true;
  }
  held_.append(p_, to);
  p_ = to;
  if (held_.size() <= max_tag_) return false;
  // Too long: what is held goes out, and the rest is not kept.
  whole_tag(token, held_);
  token.opaque = true;
  token.self_closing = false;
  token.name = token.name.substr(0, kOpaqueName);
  token.last = false;
  where_ = Where::opaque_tag;
  held_out_ = true;
  return true;
}

bool HtmlTokenizer::opaque_tag(Token& token) {
  const char* const after = scan_tag(p_);
  const char* const to = after ? after : end_;
  emit_piece(token, tag_kind_, p_, to, false, after != nullptr);
  token.opaque = true;
  if (after) where_ = Where::content;
  return true;
}

}  // namespace marquee::brand
