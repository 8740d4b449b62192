// Finds a body in a run of bytes (RFC 9112 6, 7.1): by length, in chunks, or up
// to the end of the connection. Gives borrowed slices and keeps no byte, but
// for the lines of a chunked body that a read cut in two.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/http/head.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

struct BodyLimits {
  std::uint32_t chunk_extension = 1024;  // bytes per chunk line
  std::uint32_t trailers = 8u << 10;     // bytes of all trailer lines
  std::uint32_t fields = 100;
};

// Of no use, or of harm, where trailers are merged into the head behind us.
bool is_left_out_of_trailers(const Field& f);

class BodyDecoder {
 public:
  void begin(const BodyFraming& framing, const BodyLimits& limits);

  struct Step {
    enum Kind : std::uint8_t {
      need_more,  // all of `in` was framing; nothing is buffered here
      data,       // `slice` of `in` is body
      end,        // the body is complete; trailers() are valid
      refused,
    } kind = need_more;
    std::size_t skip = 0;      // framing bytes of `in` before the slice: consumed
    std::string_view slice{};  // for `data`; not consumed until took() says so
  };
  // Looks at the bytes that follow the last consumed one. `data` does not
  // advance: the receiver may take less, and says how much by took().
  Step next(std::string_view in);
  void took(std::size_t bytes);

  bool ended() const { return state_ == State::done; }
  // The connection ended: is this the right end of the body?
  bool end_of_input_is_end() const { return state_ == State::done || state_ == State::until_close; }
  Refusal refusal() const { return refusal_; }
  // Body bytes still to come where the length is known (also within a chunk).
  std::uint64_t remaining() const { return remaining_; }
  // `bytes` more and the body is complete. Of chunks nobody knows which is the last.
  bool ends_after(std::uint64_t bytes) const {
    return state_ == State::length && bytes == remaining_;
  }
  FieldTable& trailers();
  bool has_trailers() const { return trailers_ && trailers_->table.size() > 0; }

 private:
  enum class State : std::uint8_t {
    length,
    size_line,
    chunk,
    chunk_end,
    trailer,
    until_close,
    done
  };
  enum class LineFault : std::uint8_t { none, bare_line_feed, too_long };
  struct Trailers {
    std::string bytes;  // views of the table point here; reserved once, never moved
    FieldTable table;
  };
  Step refuse(Refusal r);
  Step read_size(std::string_view in, std::size_t& at);
  bool read_trailer_line(std::string_view line);
  bool next_line(std::string_view in, std::size_t& at, std::size_t limit, std::string_view& line);

  State state_ = State::done;
  Refusal refusal_ = Refusal::none;
  std::uint64_t remaining_ = 0;
  std::uint64_t extension_bytes_ = 0;
  BodyLimits limits_;
  std::string partial_;  // a line cut in two
  LineFault line_fault_ = LineFault::none;
  std::unique_ptr<Trailers> trailers_;
};

// Refuses a trailer that frames or routes; marks one that is left out.
Refusal judge_trailer(Field& field);

// "1a\r\n" -> 26 and where extensions begin; false when it is no size.
bool parse_chunk_size(std::string_view line, std::uint64_t& size, std::size_t& digits);

}  // namespace marquee::proxy::http
