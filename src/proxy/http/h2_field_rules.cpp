#include "proxy/http/h2_field_rules.hpp"

#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head_parser.hpp"

namespace marquee::proxy::http {

bool is_h2_value(std::string_view value) {
  const auto space = [](char c) { return c == ' ' || c == '\t'; };
  return value.empty() || (!space(value.front()) && !space(value.back()) && is_field_value(value));
}

Refusal read_h2_field(std::string_view name, std::string_view value, Field& into) {
  if (name.empty()) return Refusal::bad_field_name;
  std::uint32_t hash = hash_start;
  bool twin = false;
  for (char ch : name) {
    const auto c = static_cast<unsigned char>(ch);
    const unsigned char folded = token_fold[c];
    if (folded == 0 || (c >= 'A' && c <= 'Z')) return Refusal::bad_field_name;
    twin |= c == '_';
    hash = hash_step(hash, folded);
  }
  if (!is_h2_value(value)) return Refusal::bad_field_value;
  into.name = name;
  into.value = value;
  into.id = identify(name, hash);
  into.twin = twin;
  into.dropped = false;
  return Refusal::none;
}

bool belongs_to_a_connection(const Field& f) {
  if (f.twin) return false;
  switch (f.id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

Refusal read_h2_trailer(std::string_view name, std::string_view value, Field& into) {
  if (is_pseudo_field(name)) return Refusal::bad_pseudo_fields;
  if (const Refusal r = read_h2_field(name, value, into); r != Refusal::none) return r;
  if (belongs_to_a_connection(into)) return Refusal::connection_field;
  // A twin frames nothing here; it is left out for what it is to others.
  if (!into.twin) return judge_trailer(into);
  into.dropped = is_left_out_of_trailers(into);
  return Refusal::none;
}

}  // namespace marquee::proxy::http
