// Writes one HTTP/1.1 message after another to a byte stream: a head that the
// caller composed, then body slices under the framing that the head announced.
//
// Own bytes (head, chunk lines) are always accepted; what the stream does not
// take of them is kept here. Body bytes are borrowed: what is not taken stays
// with the producer, who goes on when writable again. But where begin() allows it
// small chunks are copied until the producer says flush or end: a body that comes in
// many chunks at once does not leave in as many writes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "net/byte_stream.hpp"
#include "proxy/body_slice.hpp"
#include "proxy/http/head.hpp"

namespace marquee::proxy {

class MessageWriter {
 public:
  // Starts a message. `head` must stay valid until the first body(), flush() or
  // end() call of the same event; it is written together with that. `gathers`: the
  // producer says flush whenever it has nothing more at hand, so chunks may wait for it.
  void begin(std::string_view head, const http::BodyFraming& framing, bool gathers = false);

  // Writes the head, if it still waits, and takes n <= slice.size bytes.
  // `failed()` tells when the stream died.
  std::size_t body(net::ByteStream& stream, const BodySlice& slice);
  // Ends the body: the last chunk and trailers where the framing is chunked.
  void end(net::ByteStream& stream, const http::FieldTable* trailers);
  // Sends a head that no body followed yet, and chunks that wait.
  void flush(net::ByteStream& stream);
  // Raw bytes in order, not part of a message's framing (1xx, tunnels).
  void raw(net::ByteStream& stream, std::string_view bytes);

  // On a writability event. True when everything accepted has left.
  bool on_writable(net::ByteStream& stream);
  bool drained(const net::ByteStream& stream) const {
    return kept_.empty() && gathered_.empty() && stream.pending_out() == 0;
  }
  // Something was not taken, and on_writable() has not told of room since. Our own
  // note: a plain stream forgets that it was full as soon as it hears of room.
  bool full(const net::ByteStream& stream) const {
    return full_ || !kept_.empty() || stream.pending_out() > 0;
  }
  // Bytes that the client has not acknowledged yet; see ByteStream::untaken().
  std::uint64_t untaken(const net::ByteStream& stream) const {
    return kept_.size() + gathered_.size() + stream.untaken();
  }
  bool failed() const { return failed_; }
  bool head_waits() const { return !head_.empty(); }
  // The body's announced length was written in full (always true for chunked).
  bool length_met() const { return framing_.kind != http::BodyKind::length || remaining_ == 0; }
  // Bytes handed to the stream since begin(), head and framing included.
  std::uint64_t written() const { return written_; }
  void reset();

 private:
  // Writes own | borrowed | tail; own and tail are kept when the stream is full
  // (tail only after all that is borrowed). Returns what was taken of borrowed.
  std::size_t send(net::ByteStream& stream, std::string_view own, std::string_view borrowed,
                   std::string_view tail);
  std::size_t body_in_chunks(net::ByteStream& stream, const BodySlice& slice);
  bool gather(const net::ByteStream& stream, const BodySlice& slice);
  std::string take_gathered();

  std::string_view head_;
  http::BodyFraming framing_;
  std::uint64_t remaining_ = 0;  // of the length, or of the chunk under way
  std::uint64_t written_ = 0;
  std::string kept_;      // own bytes that the stream did not take yet: rare, small
  std::string gathered_;  // whole chunks, and the head in front of them
  bool gathers_ = false;
  bool ended_ = false;  // the last chunk left with the body's last bytes
  bool failed_ = false;
  bool full_ = false;
};

}  // namespace marquee::proxy
