// Frames that a client may not send by what it has said itself: on a stream that
// it has ended or taken back, or that it has passed over (RFC 9113 5.1, 5.1.1).
// nghttp2 ignores them. It asks nothing of the server's side: what a client sent
// before it learned of our RST_STREAM is no error, and is not one here.
//
// Pure. Bounded: it remembers the last streams only, and nothing is held against a
// client that uses an older one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace marquee::proxy::http {

class H2StreamOrder {
 public:
  enum class Verdict : std::uint8_t { fine, stream_closed, passed_over };

  // HEADERS (`opens`) or DATA; `ends`: END_STREAM.
  Verdict on_message(std::uint32_t id, bool opens, bool ends);
  void on_reset(std::uint32_t id);

 private:
  void over(std::uint32_t id);
  void pass_over(std::uint32_t first, std::uint32_t last);
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  std::array<std::uint32_t, 64> over_{};  // ring: ended or reset by the client
  std::array<Range, 4> passed_{};         // ring: never opened
  std::uint8_t next_over_ = 0;
  std::uint8_t next_passed_ = 0;
  std::uint32_t last_ = 0;  // largest id that was opened
};

}  // namespace marquee::proxy::http
