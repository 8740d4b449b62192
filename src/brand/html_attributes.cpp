#include "brand/html_attributes.hpp"

#include <algorithm>

#include "brand/html_tag_scan.hpp"

namespace marquee::brand {

bool AttributeReader::next(Attribute& attribute) {
  const std::size_t last = raw_.size() - 1;  // the '>'
  std::size_t at = at_;
  while (at < last && tag_byte(raw_[at], kSpace | kSlash)) ++at;
  at_ = at;
  if (at >= last) return false;
  attribute.begin = at++;  // a name may begin with '='
  while (at < last && !tag_byte(raw_[at], kEndsAttributeName)) ++at;
  attribute.name = raw_.substr(attribute.begin, at - attribute.begin);
  attribute.end = at;
  attribute.value = {};
  std::size_t equals = at;
  while (equals < last && tag_byte(raw_[equals], kSpace)) ++equals;
  if (equals >= last || raw_[equals] != '=') {
    at_ = at;
    return true;
  }
  at = equals + 1;
  while (at < last && tag_byte(raw_[at], kSpace)) ++at;
  if (at < last && (raw_[at] == '"' || raw_[at] == '\'')) {
    const std::size_t from = at + 1;
    const std::size_t to = std::min(raw_.find(raw_[at], from), last);
    attribute.value = raw_.substr(from, to - from);
    at = std::min(to + 1, last);
  } else {
    const std::size_t from = at;
    while (at < last && !tag_byte(raw_[at], kEndsUnquoted)) ++at;
    attribute.value = raw_.substr(from, at - from);
  }
  at_ = attribute.end = at;
  return true;
}

bool find_attribute(const Token& tag, std::string_view name, Attribute& attribute) {
  AttributeReader reader(tag);
  while (reader.next(attribute))
    if (equal_ignoring_case(attribute.name, name)) return true;
  return false;
}

std::string decoded_value(std::string_view value, std::size_t limit) {
  std::string out;
  value = value.substr(0, limit);
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] != '&' || i + 1 >= value.size() || value[i + 1] != '#') {
      out.push_back(value[i++]);
      continue;
    }
    std::size_t at = i + 2;
    const bool hex = at < value.size() && to_lower(value[at]) == 'x';
    if (hex) ++at;
    unsigned code = 0;
    const std::size_t digits = at;
    for (; at < value.size() && at - digits < 8; ++at) {
      const char c = to_lower(value[at]);
      if (c >= '0' && c <= '9')
        code = code * (hex ? 16 : 10) + static_cast<unsigned>(c - '0');
      else if (hex && c >= 'a' && c <= 'f')
        code = code * 16 + static_cast<unsigned>(c - 'a') + 10;
      else
        break;
    }
    if (at == digits || code == 0 || code > 0x7F) {
      out.push_back(value[i++]);
      continue;
    }
    if (at < value.size() && value[at] == ';') ++at;
    out.push_back(static_cast<char>(code));
    i = at;
  }
  return out;
}

}  // namespace marquee::brand
