#include "proxy/http/h2_fields.hpp"

#include <charconv>

namespace marquee::proxy::http {
namespace {

std::uint8_t* bytes(std::string_view s) {
  // nghttp2 only reads them: NO_COPY says that they live until the frame is packed.
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(s.data()));
}

std::size_t name_bytes(const FieldTable& fields) {
  std::size_t n = 0;
  for (const Field& f : fields) n += f.name.size();
  return n;
}

}  // namespace

void H2Fields::begin(std::size_t name_bytes) {
  nv_.clear();
  names_.clear();
  names_.reserve(name_bytes);
}

void H2Fields::put(std::string_view name, std::string_view value) {
  nv_.push_back({bytes(name), bytes(value), name.size(), value.size(),
                 NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE});
}

std::string_view H2Fields::lower(std::string_view name) {
  const std::size_t at = names_.size();
  for (char c : name) names_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return std::string_view(names_).substr(at);
}

void H2Fields::put_table(const FieldTable& fields, bool tunnel) {
  for (const Field& f : fields) {
    if (f.dropped) continue;
    const std::string_view name = lower(f.name);
    if (tunnel && name == "sec-websocket-accept") continue;  // RFC 8441 5
    put(name, f.value);
  }
}

void H2Fields::response(const OutgoingResponse& head) {
  std::size_t names = 0;
  if (head.fields) names += name_bytes(*head.fields);
  if (head.additions)
    for (const AddedField& f : head.additions->fields()) names += f.name.size();
  begin(names);
  const bool tunnel = head.status == 101;
  const unsigned status = tunnel ? 200 : head.status;
  status_[0] = static_cast<char>('0' + status / 100);
  status_[1] = static_cast<char>('0' + status / 10 % 10);
  status_[2] = static_cast<char>('0' + status % 10);
  put(":status", {status_, 3});
  if (head.fields) put_table(*head.fields, tunnel);
  if (head.additions) {
    for (const FieldBlock* b : head.additions->blocks())
      for (const auto& [name, value] : b->lower()) put(name, value);
    for (const AddedField& f : head.additions->fields()) put(lower(f.name), f.value);
  }
  if (!head.bodiless && head.body.kind == BodyKind::length) {
    const auto end = std::to_chars(length_, length_ + sizeof length_, head.body.length).ptr;
    put("content-length", {length_, static_cast<std::size_t>(end - length_)});
  }
}

void H2Fields::trailers(const FieldTable& trailers) {
  begin(name_bytes(trailers));
  put_table(trailers, false);
}

}  // namespace marquee::proxy::http
