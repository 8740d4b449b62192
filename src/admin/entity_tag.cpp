#include "admin/entity_tag.hpp"

#include <openssl/sha.h>

namespace marquee::admin {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string entity_tag(std::string_view representation) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(representation.data()), representation.size(),
         digest);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (int i = 0; i < 16; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out + "\"";
}

IfMatch if_match(std::string_view field, std::string_view current) {
  field = trimmed(field);
  if (field.empty()) return IfMatch::missing;
  if (field == "*") return IfMatch::matches;
  bool found = false;
  for (;;) {
    const bool weak = field.starts_with("W/");
    if (weak) field.remove_prefix(2);
    const std::size_t end = field.starts_with('"') ? field.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return IfMatch::malformed;
    found |= !weak && field.substr(0, end + 1) == current;
    field = trimmed(field.substr(end + 1));
    if (field.empty()) return found ? IfMatch::matches : IfMatch::differs;
    if (field.front() != ',') return IfMatch::malformed;
    field = trimmed(field.substr(1));
  }
}

}  // namespace marquee::admin
