// The attributes of a whole tag, read when they are wanted: few tags matter to
// the rewriter. Reads a tag as the tokenizer does (WHATWG HTML 13.2.5.32-39).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "brand/html_token.hpp"

namespace marquee::brand {

struct Attribute {
  std::string_view name;   // as written
  std::string_view value;  // without quotes, references not decoded
  std::size_t begin = 0;   // of the attribute in the tag's raw bytes: its name,
  std::size_t end = 0;     // and behind its value and closing quote
};

class AttributeReader {
 public:
  // `tag` is a start or end tag, neither opaque nor unfinished.
  explicit AttributeReader(const Token& tag)
      : raw_(tag.raw),
        at_(static_cast<std::size_t>(tag.name.data() - tag.raw.data()) + tag.name.size()) {}

  bool next(Attribute& attribute);
  std::size_t position() const { return at_; }

 private:
  std::string_view raw_;
  std::size_t at_;
};

// The first attribute of that name (lower case), which is the one that counts.
bool find_attribute(const Token& tag, std::string_view name, Attribute& attribute);

// The value as a browser reads it, as far as rel, name and class need it: decimal
// and hexadecimal references to ASCII. At most `limit` bytes.
std::string decoded_value(std::string_view value, std::size_t limit);

// Calls `each` with every token of a list separated by spaces; stops at false.
template <typename Each>
void for_each_token(std::string_view list, Each each) {
  std::size_t at = 0;
  while (true) {
    while (at < list.size() && is_space(list[at])) ++at;
    if (at == list.size()) return;
    const std::size_t from = at;
    while (at < list.size() && !is_space(list[at])) ++at;
    if (!each(list.substr(from, at - from))) return;
  }
}

}  // namespace marquee::brand
