// Request and response heads as slices of the bytes they came in. Nothing is
// copied: the buffer behind the views must not move while the head is in use.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/http/field_id.hpp"

namespace marquee::proxy::http {

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding whitespace
  FieldId id = FieldId::other;
  bool twin = false;     // the name holds an underscore: not the field itself
  bool dropped = false;  // the overlay: not written to the other side
};

// A fixed table; more fields than `capacity` are a refused head, never a
// reallocation.
class FieldTable {
 public:
  static constexpr std::size_t capacity = 256;

  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  bool full() const { return size_ == capacity; }
  Field& push(const Field& f) { return fields_[size_++] = f; }
  Field* begin() { return fields_.data(); }
  Field* end() { return fields_.data() + size_; }
  const Field* begin() const { return fields_.data(); }
  const Field* end() const { return fields_.data() + size_; }

  // The first field of that identity that is neither a twin nor dropped.
  const Field* find(FieldId id) const {
    for (const Field& f : *this)
      if (f.id == id && !f.twin && !f.dropped) return &f;
    return nullptr;
  }

 private:
  std::size_t size_ = 0;
  std::array<Field, capacity> fields_;
};

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  patch,
  options,
  trace,
  connect,
  other
};
Method method_of(std::string_view name);
// RFC 9110 9.2.2: a second identical request has the effect of one.
constexpr bool is_idempotent(Method m) {
  return m == Method::get || m == Method::head || m == Method::put || m == Method::delete_ ||
         m == Method::options || m == Method::trace;
}

enum class TargetForm : std::uint8_t { origin, absolute, asterisk, authority };

// How the end of a body is found (RFC 9112 6).
enum class BodyKind : std::uint8_t { none, length, chunked, until_close };
struct BodyFraming {
  BodyKind kind = BodyKind::none;
  std::uint64_t length = 0;
};

struct RequestHead {
  std::string_view method_name;
  Method method = Method::other;
  TargetForm form = TargetForm::origin;
  std::string_view target;     // as received
  std::string_view path;       // origin-form part of it ("/a?b"), or "*"; "?b" when it had no path
  std::string_view authority;  // of an absolute-form target, else empty
  std::uint8_t minor = 1;      // HTTP/1.minor; of HTTP/2 as of 1.1
  bool h2 = false;             // came by HTTP/2
  FieldTable fields;

  // Filled by judge() (framing.hpp), or by read_h2_request().
  BodyFraming body;
  std::string_view host;  // the one authority of the request, port included
  bool keep_alive = true;
  bool expects_continue = false;
  bool upgrade = false;  // asks for a tunnel that we are willing to make
  std::string_view upgrade_to;
  // The Sec-WebSocket-Key that we made for a client without one (RFC 8441);
  // empty: the answer's Sec-WebSocket-Accept is the client's affair.
  std::string_view websocket_key;

  void clear();
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::string_view reason;
  std::uint8_t minor = 1;
  FieldTable fields;

  // Filled by judge().
  BodyFraming body;
  bool keep_alive = true;

  void clear();
};

}  // namespace marquee::proxy::http
