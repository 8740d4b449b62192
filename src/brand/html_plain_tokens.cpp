// The tokens that pages are made of nearly everywhere: text, and tags that the input
// holds whole. What is unusual is left to the general way, which reads it anew: it is
// the one that must be right, this one must agree with it.
#include "brand/byte_scan.hpp"
#include "brand/html_tag_scan.hpp"
#include "brand/html_tokenizer.hpp"

namespace marquee::brand {
namespace {

// Where the name that begins at p ends, if within sixteen bytes; else p. At least
// sixteen bytes must be there. Control characters end it as well: they are rare, and
// then it is the general way that says what they are.
inline const char* attribute_name_end(const char* p) {
#if defined(__SSE2__)
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x20)), block);
  const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('=')),
                                     _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('>')),
                                                  _mm_cmpeq_epi8(block, _mm_set1_epi8('/'))));
  const int mask = _mm_movemask_epi8(_mm_or_si128(low, marks));
  return mask == 0 ? p : p + __builtin_ctz(static_cast<unsigned>(mask));
#else
  for (int i = 0; i < 16; ++i)
    if (tag_byte(p[i], kEndsAttributeName)) return p + i;
  return p;
#endif
}

// Skips attributes: ` name="value"`, ` name=value`. Returns where the state is "before
// attribute name" and something else stands, the tag's '>' as a rule.
const char* skip_attributes(const char* p, const char* end) {
  while (p != end && tag_byte(*p, kSpace)) {
    do {
      ++p;
    } while (p != end && tag_byte(*p, kSpace));
    if (end - p < 18) return p;
    const char* const equals = attribute_name_end(p);
    if (equals == p) return p;
    if (*equals == '>') return equals;
    if (*equals != '=') return p;
    const char* value = equals + 1;
    const char quote = *value;
    if (quote == '"' || quote == '\'') {
      value = find_byte(value + 1, end, quote);
      if (value == end) return p;
      p = value + 1;
    } else {
      if (tag_byte(quote, kEndsUnquoted)) return p;
      while (value != end && !tag_byte(*value, kEndsUnquoted)) ++value;
      if (value == end) return p;
      p = value;
    }
  }
  return p;
}

}  // namespace

// From a byte that is no '<' to the next '<' that may begin something.
bool HtmlTokenizer::plain_text(Token& token) {
  const char* const from = p_;
  const char* const end = end_;
  const char* q = from;
  do {
    q = find_byte(q + 1, end, '<');
  } while (end - q > 1 && !opens_markup(q[1]));
  token.kind = TokenKind::text;
  token.model = ContentModel::data;
  token.first = token.last = true;
  token.opaque = token.self_closing = false;
  token.raw = std::string_view(from, static_cast<std::size_t>(q - from));
  p_ = q;
  return true;
}

// At a '<'. False: this is no whole tag with a plain name; nothing was done.
bool HtmlTokenizer::plain_tag(Token& token) {
  const char* const from = p_;
  const char* const end = end_;
  if (end - from < 16) return false;
  const std::size_t before_name = from[1] == '/' ? 2 : 1;
  const char* p = from + before_name;
  unsigned code = kNameBytes[static_cast<unsigned char>(*p)];
  if (code - kFirstLetter >= 26) return false;
  const char* const limit = p + 12;  // longer names have no key
  TagKey key = 0;
  do {
    key = key << 5 | code;
    code = kNameBytes[static_cast<unsigned char>(*++p)];
  } while (code < 32 && p != limit);
  if (code != kEndOfName) return false;
  const auto name_size = static_cast<std::size_t>(p - from) - before_name;
  if (*p != '>') {
    p = skip_attributes(p, end);
    if (p == end || *p != '>') {
      begin_tag(before_name == 2 ? TokenKind::end_tag : TokenKind::start_tag);
      tag_state_ = TagState::before_attribute;
      key_ = key;
      name_size_ = name_size;
      return rest_of_tag(token, p);
    }
  }
  const std::size_t size = static_cast<std::size_t>(p - from) + 1;
  if (size > max_tag_) return false;
  token.kind = before_name == 2 ? TokenKind::end_tag : TokenKind::start_tag;
  token.model = ContentModel::data;
  token.first = token.last = true;
  token.opaque = token.self_closing = false;
  token.raw = std::string_view(from, size);
  token.name = std::string_view(from + before_name, name_size);
  token.key = key;
  p_ = p + 1;
  return true;
}

bool HtmlTokenizer::rest_of_tag(Token& token, const char* p) {
  const char* const after = scan_tag(p);
  if (!after) return false;
  whole_tag(token, {p_, static_cast<std::size_t>(after - p_)});
  p_ = after;
  return true;
}

}  // namespace marquee::brand
