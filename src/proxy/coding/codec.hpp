// Content codings (RFC 9110 8.4.1) as streams: gzip (RFC 1952), br (RFC 7932), zstd
// (RFC 8878). Pure: bytes in, bytes out, a bounded state.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace marquee::proxy {

enum class Coding : std::uint8_t { identity, gzip, br, zstd, unknown };
std::string_view name(Coding coding);
// One Content-Encoding value, any case; "" and "identity" are identity, a list unknown.
Coding parse_coding(std::string_view value);

class Codec {
 public:
  enum class Mode : std::uint8_t {
    more,   // more is to come
    flush,  // what was given is to come out now
    end,    // there is no more
  };
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool done = false;  // of flush and end: nothing is left to come out
    bool failed = false;
  };
  virtual ~Codec() = default;
  // Takes from [in, in + size) and writes at most `room` bytes. After `flush` or `end`
  // has begun, the same again until it is done.
  virtual Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) = 0;
};

// `level` from 1 (quick) to 9 (small). Null: no memory, or not such a coding.
std::unique_ptr<Codec> make_encoder(Coding coding, unsigned level);
// Decoding has `done` at `end` only where the coded stream is complete.
std::unique_ptr<Codec> make_decoder(Coding coding);

}  // namespace marquee::proxy
