// One stream of an HTTP/2 client: the client's end of one exchange. It lives from
// its request's head until both its exchange and the codec's stream are over.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "net/buffer_pool.hpp"
#include "proxy/ends.hpp"
#include "proxy/http/h2_codec.hpp"

namespace marquee::proxy {

class Exchange;
class H2Session;

// Body bytes that the exchange did not take yet: at most a stream's window.
class HeldBytes {
 public:
  void append(net::BufferPool& pool, std::string_view bytes);
  std::string_view front() const {
    if (pieces_.empty()) return {};
    const Piece& p = pieces_.front();
    return {p.block.data() + p.begin, p.end - p.begin};
  }
  void took(std::size_t bytes);
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear();

 private:
  struct Piece {
    net::Block block;
    std::size_t begin;
    std::size_t end;
  };
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
};

class H2Stream final : public ClientEnd {
 public:
  H2Stream(H2Session& session, http::H2Codec::Stream& stream);
  ~H2Stream();
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;

  // Told by the session, never from within a call of the exchange.
  void begin();  // the head is complete
  void on_data(std::string_view bytes);
  void on_trailers();
  void on_end();
  void on_closed();              // the codec's stream is over and released
  void on_lost(ClientLoss how);  // the connection is
  void on_batch_end();           // no more bytes are at hand
  void on_room();                // windows or output have room again
  // What was put off. False: both ends are over, the stream is to be destroyed.
  bool settle();

  // The exchange still runs, or its end was not dealt with.
  bool active() const { return exchange_ != nullptr; }
  // The exchange has not ended: it still tells and is told.
  bool running() const { return exchange_ && !finished_ && !aborted_; }
  bool reached_upstream() const;
  bool request_complete() const { return end_told_; }
  bool blocked() const { return blocked_; }
  std::int32_t id() const { return id_; }
  std::uint8_t urgency = 3;
  std::size_t place = 0;  // in the session's list
  bool due = false;       // stands in the session's list of what is put off
  bool flush_due = false;

  // ClientEnd
  void send_interim(const OutgoingResponse& head) override;
  void send_head(const OutgoingResponse& head) override;
  std::size_t send_body(const BodySlice& slice) override;
  void send_end(const http::FieldTable* trailers) override;
  void flush() override;
  void start_tunnel() override;
  void resume_request() override;
  void abort() override;
  void finished() override;

 private:
  void malformed(http::Refusal refusal);
  void deliver();
  void tell_end();
  void make_websocket_key();
  void drop_held();

  H2Session& session_;
  http::H2Codec::Stream* stream_;  // null when the codec's is over
  std::int32_t id_;
  Exchange* exchange_ = nullptr;
  bool has_body_ = false;  // the head announced one, or a tunnel has begun
  bool paused_ = false;    // the exchange takes no body now
  bool end_seen_ = false;
  bool end_told_ = false;
  bool blocked_ = false;  // the answer waits for room
  bool finished_ = false;
  bool aborted_ = false;
  bool head_ended_ = false;  // the answer's head was all of it
  bool tunnel_ = false;
  bool delivering_ = false;
  std::uint64_t received_ = 0;
  http::BodyFraming announced_;
  http::BodyFraming answer_;
  std::uint64_t answer_left_ = 0;
  http::H2Error code_ = http::H2Error::internal_error;  // when aborted
  http::FieldTable* trailers_ = nullptr;
  std::unique_ptr<http::FieldTable> trailer_table_;
  HeldBytes held_;
  std::array<char, 24> websocket_key_;
};

}  // namespace marquee::proxy
