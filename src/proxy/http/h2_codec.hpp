// The server's side of one HTTP/2 connection (RFC 9113) as a pure codec: bytes
// in, events and bytes out. Framing, HPACK, stream states and windows are
// nghttp2's; what a message may hold is ours (h2_request_head.hpp).
//
// nghttp2 is never re-entered: its callbacks only note events, which the owner
// reads when receive() or a sending call has returned. Errors of the connection
// end it by themselves: a GOAWAY is packed and over() turns true.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "net/buffer_pool.hpp"
#include "proxy/http/h2_output.hpp"
#include "proxy/http/h2_request_head.hpp"
#include "proxy/outgoing.hpp"

struct nghttp2_session;

namespace marquee::proxy::http {

// RFC 9113 7.
enum class H2Error : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  stream_closed = 5,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11,
};

struct H2CodecLimits {
  std::uint32_t streams = 100;  // said to the client; the owner refuses more
  std::uint32_t stream_window = 64u << 10;
  std::uint32_t connection_window = 1u << 20;
  std::uint32_t header_list = 32u << 10;
};

class H2Codec {
 public:
  // One request's stream, from its first field to the owner's release().
  struct Stream {
    std::int32_t id = 0;
    void* user = nullptr;  // the owner's
    bool closed = false;   // nghttp2 knows it no more; nothing can be sent
    bool reset = false;    // by either side
    bool reset_sent = false;
    bool head_ends = false;  // END_STREAM came with the head
    bool tail_ends = false;  // ... with the last trailers, as it must
    bool ended_in = false;   // the client's END_STREAM came
    bool ended_out = false;  // ours was packed
    H2FieldBlock head;
    H2FieldBlock tail;  // trailers

   private:
    friend class H2Codec;
    friend struct H2Callbacks;
    bool data_submitted = false;
    bool end_asked = false;  // no more body
    bool reset_asked = false;
    const char* offer = nullptr;  // valid during send_body()
    std::size_t offered = 0;
    bool offer_ends = false;
  };

  enum class Kind : std::uint8_t {
    request,   // the head is complete
    trailers,  // in Stream::tail; `end` follows
    data,      // bytes of the body, valid until the next receive()
    end,       // END_STREAM
    closed,    // the stream is over for nghttp2; the owner releases it
    window,    // there may be room to send: of `stream`, or of all when null
    priority,  // PRIORITY_UPDATE for `id`: a field value in `data`
    goaway,    // the client will ask for nothing more
    ping_ack,
  };
  struct Event {
    Kind kind;
    Stream* stream = nullptr;
    const char* data = nullptr;
    std::size_t size = 0;
    std::int32_t id = 0;
  };

  H2Codec(net::BufferPool& pool, const H2CodecLimits& limits);
  ~H2Codec();
  H2Codec(const H2Codec&) = delete;
  H2Codec& operator=(const H2Codec&) = delete;

  // Decodes; events() has what came of it. May be called no more once over().
  void receive(std::string_view bytes);
  // Grows also by what the owner calls: walk it by index, then clear().
  std::vector<Event>& events() { return events_; }
  // The connection is broken or was terminated: nothing more is read.
  bool over() const { return over_; }
  // A field block decodes to many times what is allowed.
  bool list_flood() const { return list_flood_; }
  // SETTINGS of too many entries, or answers to them and to PINGs that nobody reads.
  bool settings_flood() const { return settings_flood_; }
  // RST_STREAM frames that nghttp2 sent for errors of the client, since last asked.
  std::uint32_t take_provoked() { return std::exchange(provoked_, 0); }
  std::uint32_t take_data_frames() { return std::exchange(data_frames_, 0); }
  void release(Stream& stream);
  std::size_t streams() const { return streams_.size(); }

  // --- Sending: everything is packed into output() before the call returns.
  void send_head(Stream& stream, const OutgoingResponse& head, bool ends);
  // Takes what windows and output() have room for. `ends`: the body's last bytes.
  std::size_t send_body(Stream& stream, const char* data, std::size_t size, bool ends);
  void send_end(Stream& stream);
  void send_trailers(Stream& stream, const FieldTable& trailers);
  void reset(Stream& stream, H2Error code);
  // What the stream's consumer took; gives the client credit for more.
  void consumed(Stream& stream, std::size_t bytes);
  void consumed(std::size_t bytes);  // the connection's
  bool has_window(const Stream& stream) const;
  void shutdown_notice();  // GOAWAY of all streams, and a PING to wait for
  void last_goaway();      // what came until now is answered, nothing else
  void terminate(H2Error code);
  void pack();

  H2Output& output() { return output_; }
  const H2Output& output() const { return output_; }

 private:
  friend struct H2Callbacks;
  Stream* stream_of(std::int32_t id) const;
  void note(Kind kind, Stream* stream) { events_.push_back({kind, stream}); }
  void submit_data(Stream& stream);
  void announce();
  void fail();

  net::BufferPool& pool_;
  H2CodecLimits limits_;
  nghttp2_session* session_ = nullptr;
  H2Output output_;
  std::vector<Event> events_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Stream>> spare_;
  H2FieldBlock* block_ = nullptr;  // of the field block under way
  std::uint32_t provoked_ = 0;
  std::uint32_t data_frames_ = 0;
  bool over_ = false;
  bool list_flood_ = false;
  bool settings_flood_ = false;
  bool window_overflow_ = false;  // by SETTINGS
  std::size_t queued_ = 0;        // frames to send before the SETTINGS under way
  bool terminated_ = false;
  H2Error violation_ = H2Error::no_error;  // what nghttp2 would let pass
};

}  // namespace marquee::proxy::http
