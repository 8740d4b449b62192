// An HTTP/2 answer's field block as a judged head (RFC 9113 8.1-8.3): as strict
// as for HTTP/1.1. Pure; the views of the head are those of the block.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/http/body_decoder.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

struct H2Field {
  std::string_view name;
  std::string_view value;
};

// What a field counts against the limit of a head: its bytes as HTTP/1.1 would
// write them.
constexpr std::size_t h2_field_size(std::size_t name, std::size_t value) {
  return name + value + 4;
}

// `ends`: the block ends the stream, so there is no body.
Refusal read_h2_response(std::span<const H2Field> block, const HeadLimits& limits,
                         Method request_method, bool ends, ResponseHead& into);

Refusal read_h2_trailers(std::span<const H2Field> block, const BodyLimits& limits,
                         FieldTable& into);

// The body's bytes against what its head promised (RFC 9113 8.1.1).
class H2BodyCount {
 public:
  // Of a judged head: where the body may have none, or has a length.
  void begin(const BodyFraming& framing);
  // False: more than promised.
  bool add(std::uint64_t bytes);
  // At the end of the stream.
  bool complete() const { return !counted_ || left_ == 0; }

 private:
  bool counted_ = false;
  std::uint64_t left_ = 0;
};

}  // namespace marquee::proxy::http
