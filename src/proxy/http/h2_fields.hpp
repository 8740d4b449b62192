// Heads on their way out as nghttp2 wants them. Included by codecs only: it
// carries nghttp2's header.
#pragma once
#include <nghttp2/nghttp2.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/outgoing.hpp"

namespace marquee::proxy::http {

// Reused for every head; its views end with the next one or with what they show.
class H2Fields {
 public:
  // RFC 9113 8.3.2: ":status" and the fields in lower case. Of a tunnel's 101 the
  // client learns as of a 200 (RFC 8441 5).
  void response(const OutgoingResponse& head);
  void trailers(const FieldTable& trailers);

  const nghttp2_nv* data() const { return nv_.data(); }
  std::size_t size() const { return nv_.size(); }

 private:
  void begin(std::size_t name_bytes);
  void put(std::string_view name, std::string_view value);
  std::string_view lower(std::string_view name);
  void put_table(const FieldTable& fields, bool tunnel);

  std::vector<nghttp2_nv> nv_;
  std::string names_;  // reserved beforehand: never moves while views of it live
  char status_[3];
  char length_[20];
};

}  // namespace marquee::proxy::http
