// The client's side of one HTTP/2 connection (RFC 9113) as a pure codec: bytes
// in, events and bytes out; no socket, no clock. Framing, HPACK and flow control
// are nghttp2's; what an answer may look like is ours (h2_response.hpp).
//
// nghttp2 must not be entered from its own callbacks: they only note events. The
// driver handles those when receive() or pull() has returned, and may call
// everything here while it does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/buffer_pool.hpp"
#include "proxy/http/h2_response.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

// Error codes of RFC 9113 7 that we send or look at.
enum class H2Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11,
};

// What the codec keeps of one request; the driver's own part derives from it.
// Lives until it was closed() or reset().
class H2ClientStream {
 public:
  // Between submit() and its end on both sides.
  bool open() const { return id_ > 0; }
  // The head has been handed out by pull().
  bool sent() const { return sent_; }

 private:
  friend class H2ClientCodec;
  std::int32_t id_ = 0;
  bool sent_ = false;
  bool deferred_ = false;  // nghttp2 asked for body and there was none
  bool ends_ = false;      // nothing follows what is in out_
  std::uint32_t head_limit_ = 0;
  const http::FieldTable* trailers_ = nullptr;  // the caller's, until they are sent
  net::Block out_;                              // body bytes not yet framed
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t last_event_ = 0;
};

struct H2ClientEvent {
  enum Kind : std::uint8_t {
    fields,   // a field block: read it with fields_of()
    data,     // bytes of the block that receive() got
    end,      // the answer's end came apart from its last bytes
    refused,  // broke a rule of ours; the stream is reset by `refusal`
    closed,   // the stream is gone on both sides; `code` says why
  };
  Kind kind = end;
  bool ends = false;  // fields, data: the answer ends with it
  http::Refusal refusal = http::Refusal::none;
  std::uint32_t code = 0;
  bool beyond = false;  // closed: above the last stream that a GOAWAY names
  H2ClientStream* stream = nullptr;
  std::string_view bytes{};  // data
  std::size_t text = 0;      // fields: where their text begins, which pieces are theirs
  std::size_t first = 0;
  std::size_t count = 0;
};

// Frames that bring nothing on (SETTINGS, PING, empty DATA, 1xx heads) are
// bounded: requests, body bytes and time pay for them.
class H2FrameBudget {
 public:
  static constexpr std::uint32_t most = 1000;
  static constexpr std::uint32_t per_second = 50;
  static constexpr std::uint32_t per_request = 16;
  static constexpr std::uint32_t per_data_sent = 4;
  void pass(std::int64_t now_ms);
  void earn(std::uint32_t n) { left_ = left_ + n < most ? left_ + n : most; }
  // False: the peer floods.
  bool spend() { return left_ > 0 && left_-- > 0; }

 private:
  std::uint32_t left_ = most;
  std::int64_t paid_ms_ = 0;
};

class H2ClientCodec {
 public:
  struct Windows {
    std::uint32_t stream = 256u << 10;      // bytes of one answer on their way
    std::uint32_t connection = 1u << 20;    // of all
    std::uint32_t header_list = 32u << 10;  // told to the peer; heads have their own limit
  };
  // `buffers` outlives the codec, as every open stream does.
  H2ClientCodec(net::BufferPool& buffers, const Windows& windows);
  ~H2ClientCodec();
  H2ClientCodec(const H2ClientCodec&) = delete;
  H2ClientCodec& operator=(const H2ClientCodec&) = delete;

  // --- Requests. Between calls of receive() and pull(), never within.
  // False: this connection has no stream left to give.
  bool submit(H2ClientStream& stream, const OutgoingRequest& request, std::string_view scheme,
              std::uint32_t head_limit);
  // Takes n <= size bytes: a copy, bounded by one large block per stream.
  std::size_t body(H2ClientStream& stream, std::string_view bytes);
  void end(H2ClientStream& stream, const http::FieldTable* trailers);
  bool has_room(const H2ClientStream& stream) const;
  // Nothing more is said or heard of it. Closed ones: no effect.
  void reset(H2ClientStream& stream, H2Code code);
  // The consumer took bytes of its answer / bytes may come in their place.
  void consume_stream(H2ClientStream& stream, std::size_t bytes);
  void consume_connection(std::size_t bytes);
  void ping();
  void goodbye();  // GOAWAY; the streams must be over

  // --- Bytes. Both add to events().
  void receive(std::string_view bytes, std::int64_t now_ms);
  // Fills `into` with frames; returns how much.
  std::size_t pull(std::span<char> into);
  bool wants_pull() const;

  const std::vector<H2ClientEvent>& events() const { return events_; }
  // Is nothing more noted of that stream than the event at `index`?
  bool is_last(std::size_t index) const;
  std::span<const http::H2Field> fields_of(const H2ClientEvent& event);
  void clear_events();

  // --- The connection.
  // How many streams the peer allows: 100 until it has said so.
  std::uint32_t max_streams() const;
  bool heard_settings() const { return heard_settings_; }
  bool going_away() const { return going_away_; }  // GOAWAY came
  // The peer broke the protocol, or floods: a GOAWAY that says so has left.
  bool lost() const { return lost_; }

 private:
  struct Nghttp2;  // its types and callbacks
  void note(const H2ClientEvent& event);
  void forget(H2ClientStream& stream);
  void submit_trailers();

  net::BufferPool& buffers_;
  std::unique_ptr<Nghttp2> n_;
  std::vector<H2ClientEvent> events_;
  H2FrameBudget budget_;
  // Of the field blocks among the events.
  struct Piece {
    std::uint32_t name;
    std::uint32_t value;
  };
  std::string text_;
  std::vector<Piece> pieces_;
  std::vector<http::H2Field> views_;
  H2ClientEvent block_;         // the field block under way
  std::size_t block_size_ = 0;  // as h2_field_size() counts
  bool frame_paid_ = false;     // the DATA frame under way brought bytes
  bool flooded_ = false;
  bool lost_ = false;
  bool going_away_ = false;
  std::int32_t last_stream_ = 0x7fffffff;  // that the peer's GOAWAY names
  std::size_t unclaimed_ = 0;              // body bytes of streams that were given up
  bool heard_settings_ = false;
  std::string_view held_;  // of a frame that did not fit
  std::span<char> into_;   // room of the pull() under way
  std::vector<H2ClientStream*> want_trailers_;
};

}  // namespace marquee::proxy
