// What the tokenizer hands out, and the names of HTML as numbers.
//
// A token is a span of the page, byte for byte: the raw parts of all tokens, one
// after another, are the page. Names follow the WHATWG HTML standard, section
// 13.2.5 (tokenization).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace marquee::brand {

// How the bytes between two tags are read.
enum class ContentModel : std::uint8_t { data, rcdata, rawtext, script, plaintext };

enum class TokenKind : std::uint8_t {
  text,
  start_tag,
  end_tag,
  comment,
  bogus_comment,  // <?x>, <!x>, </1>, </>
  doctype,
  cdata,       // only in foreign content
  unfinished,  // a tag that the page's end cut off: a browser drops it
};

// A tag's name in lower case, five bits for each of a-z and 1-6. Zero for any
// other character and for more than twelve: no element of HTML has such a name.
using TagKey = std::uint64_t;

constexpr unsigned tag_code(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A' + 6U;
  if (c >= 'a' && c <= 'z') return c - 'a' + 6U;
  if (c >= '1' && c <= '6') return c - '1';
  return 0xFF;
}

constexpr TagKey key_of_name(std::string_view name) {
  if (name.size() > 12) return 0;
  TagKey key = 0;
  for (const char c : name) {
    const unsigned code = tag_code(static_cast<unsigned char>(c));
    if (code == 0xFF) return 0;
    key = key << 5 | code;
  }
  return key;
}

// Of a name that the source code holds: never computed when a page is read.
consteval TagKey tag_key(std::string_view name) { return key_of_name(name); }

struct Token {
  TokenKind kind = TokenKind::text;
  ContentModel model = ContentModel::data;  // what a text token stood in
  // Text, comments and the like come in as many pieces as the input does; `first`
  // and `last` mark the pieces of one construct. A piece of text is always both.
  bool first = true;
  bool last = true;
  // A tag longer than the limit: it comes in pieces, without attributes.
  bool opaque = false;
  bool self_closing = false;  // never set on an opaque tag
  std::string_view raw;
  // Tags only: the name as written (at most 64 bytes of it when opaque).
  std::string_view name;
  TagKey key = 0;
};

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != lower[i]) return false;
  return true;
}

}  // namespace marquee::brand
