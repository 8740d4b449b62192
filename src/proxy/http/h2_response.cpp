#include "proxy/http/h2_response.hpp"

#include "proxy/http/h2_field_rules.hpp"

namespace marquee::proxy::http {
namespace {

Refusal read_status(std::string_view value, ResponseHead& into) {
  if (value.size() != 3) return Refusal::bad_status_line;
  unsigned status = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return Refusal::bad_status_line;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100 || status > 599) return Refusal::bad_status_line;
  into.status = static_cast<std::uint16_t>(status);
  return Refusal::none;
}

}  // namespace

Refusal read_h2_response(std::span<const H2Field> block, const HeadLimits& limits,
                         Method request_method, bool ends, ResponseHead& into) {
  into.clear();
  std::size_t size = 0;
  for (const H2Field& f : block) {
    size += h2_field_size(f.name.size(), f.value.size());
    if (size > limits.head) return Refusal::head_too_large;
    if (is_pseudo_field(f.name)) {
      // One pseudo-field, once, before all others (RFC 9113 8.3).
      if (f.name != ":status" || into.status != 0 || into.fields.size() != 0)
        return Refusal::bad_pseudo_fields;
      if (const Refusal r = read_status(f.value, into); r != Refusal::none) return r;
      continue;
    }
    if (into.status == 0) return Refusal::bad_pseudo_fields;
    if (into.fields.size() >= limits.fields || into.fields.full()) return Refusal::too_many_fields;
    Field field;
    if (const Refusal r = read_h2_field(f.name, f.value, field); r != Refusal::none) return r;
    // TE is for requests only.
    if (belongs_to_a_connection(field) || (!field.twin && field.id == FieldId::te))
      return Refusal::connection_field;
    into.fields.push(field);
  }
  if (into.status == 0) return Refusal::bad_pseudo_fields;
  if (into.status == 101) return Refusal::unrequested_upgrade;  // RFC 9113 8.6
  if (const Refusal r = judge(into, {request_method, {}}); r != Refusal::none) return r;
  if (into.status < 200) return ends ? Refusal::bad_pseudo_fields : Refusal::none;
  if (ends && into.body.kind == BodyKind::length && into.body.length != 0)
    return Refusal::length_mismatch;
  if (ends && into.body.kind == BodyKind::until_close) into.body = {BodyKind::length, 0};
  into.keep_alive = true;
  return Refusal::none;
}

Refusal read_h2_trailers(std::span<const H2Field> block, const BodyLimits& limits,
                         FieldTable& into) {
  into.clear();
  std::size_t size = 0;
  for (const H2Field& f : block) {
    size += h2_field_size(f.name.size(), f.value.size());
    if (size > limits.trailers || into.size() >= limits.fields || into.full())
      return Refusal::trailers_too_large;
    Field field;
    if (const Refusal r = read_h2_trailer(f.name, f.value, field); r != Refusal::none) return r;
    into.push(field);
  }
  return Refusal::none;
}

void H2BodyCount::begin(const BodyFraming& framing) {
  counted_ = framing.kind == BodyKind::none || framing.kind == BodyKind::length;
  left_ = framing.kind == BodyKind::length ? framing.length : 0;
}

bool H2BodyCount::add(std::uint64_t bytes) {
  if (!counted_) return true;
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

}  // namespace marquee::proxy::http
