#include "proxy/response_head_editor.hpp"

#include <algorithm>

namespace marquee::proxy {
namespace {

bool is_name(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return c != '_' && http::token_fold[static_cast<unsigned char>(c)] != 0;
  });
}

// RFC 9110 5.5: no control character but a tab. Nothing can end the line.
bool is_value(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u >= 0x20 && u != 0x7f) || u == '\t';
  });
}

bool is_codecs(std::string_view name) {
  const http::FieldClass what = http::field_class(http::identify(name));
  return what == http::FieldClass::framing || what == http::FieldClass::hop_by_hop;
}

}  // namespace

std::string_view ResponseHeadEditor::field(std::string_view name) const {
  for (const http::Field& f : head_.fields)
    if (!f.dropped && http::iequals(f.name, name)) return f.value;
  for (const FieldBlock* block : additions_.blocks())
    for (const auto& [n, value] : block->fields())
      if (http::iequals(n, name)) return value;
  for (const AddedField& f : additions_.fields())
    if (http::iequals(f.name, name)) return f.value;
  return {};
}

// In the place of the first of that name, or behind the others.
void ResponseHeadEditor::set(std::string_view name, std::string_view value) {
  if (!is_name(name) || !is_value(value) || is_codecs(name)) {
    refused_ = true;
    return;
  }
  const std::string_view copy = arena_.copy(value);  // before what it may be a part of goes
  http::Field* place = nullptr;
  for (http::Field& f : head_.fields) {
    if (f.dropped || !http::iequals(f.name, name)) continue;
    f.dropped = place != nullptr;
    if (!place) place = &f;
  }
  refused_ |= !additions_.remove(name);
  if (place) {
    place->value = copy;
  } else if (additions_.fields().size() < Additions::capacity) {
    additions_.add(arena_.copy(name), copy);
  } else {
    refused_ = true;
  }
}

void ResponseHeadEditor::remove(std::string_view name) {
  if (is_codecs(name)) return;  // is not there
  for (http::Field& f : head_.fields) f.dropped |= http::iequals(f.name, name);
  refused_ |= !additions_.remove(name);
}

std::optional<std::uint64_t> ResponseHeadEditor::content_length() const {
  if (head_.body.kind != http::BodyKind::length) return std::nullopt;
  return head_.body.length;
}

void ResponseHeadEditor::set_content_length(std::optional<std::uint64_t> length) {
  if (head_.body.kind == http::BodyKind::none) {
    // Of an answer to HEAD: only a field.
    if (!length)
      for (http::Field& f : head_.fields) f.dropped |= f.id == http::FieldId::content_length;
    return;
  }
  head_.body = length ? http::BodyFraming{http::BodyKind::length, *length}
                      : http::BodyFraming{http::BodyKind::until_close, 0};
}

void ResponseHeadEditor::keep() {
  std::size_t size = head_.reason.size();
  for (const http::Field& f : head_.fields)
    if (!f.dropped) size += f.name.size() + f.value.size();
  char* to = arena_.take(size);
  const auto move = [&to](std::string_view& s) {
    if (s.empty()) return;
    to = std::copy(s.begin(), s.end(), to);
    s = {to - s.size(), s.size()};
  };
  move(head_.reason);
  for (http::Field& f : head_.fields) {
    if (f.dropped) {
      f.name = f.value = {};
      continue;
    }
    move(f.name);
    move(f.value);
  }
}

}  // namespace marquee::proxy
