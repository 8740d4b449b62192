// One client connection that speaks HTTP/1.1: driver and codec above the byte
// stream. One request at a time; what is pipelined behind it waits unread, so
// answers leave in order. Idle it holds no buffer and no exchange.
#pragma once
#include <cstdint>
#include <memory>

#include "net/byte_stream.hpp"
#include "net/turn.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/ends.hpp"
#include "proxy/floor_window.hpp"
#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/http/head_writer.hpp"
#include "proxy/message_writer.hpp"
#include "proxy/session_host.hpp"

namespace marquee::proxy {

class Exchange;
class ExchangePool;
struct Services;

class H1Session final : public ClientEnd, public net::Expiring {
 public:
  H1Session(Services& services, ExchangePool& exchanges, SessionHost& host);
  ~H1Session();

  // `first_head` may run already: the time that the first head has left after a
  // handshake. Without it that head has the time of any other.
  void start(net::Deadline* first_head = nullptr);
  // The stream was told of readiness; `reset`: the peer is gone for good.
  void on_ready(bool writable, bool reset);
  // Ends after the present answer; at once when idle.
  void drain();
  bool idle() const { return exchange_ == nullptr; }
  Exchange* exchange() { return exchange_; }
  std::uint64_t requests() const { return requests_; }

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
  std::uint64_t untaken() const override;

  void run();
  void on_deadline(net::Deadline& which) override;

 private:
  enum class State : std::uint8_t {
    idle,     // no byte of a request
    head,     // reading a head
    body,     // a request is under way and its body comes
    waiting,  // a request is complete, its answer is not
    discard,  // answered; the rest of a small request is read and dropped
    linger,   // answered; reading on, so that the answer is not lost to a reset
    over,
  };

  void pump();
  bool step();
  bool read_head();
  bool read_body();
  bool discard_body();
  bool fill();
  bool into_large_block();
  void begin_request();
  void on_head_refused(http::Refusal refusal);
  void on_input_end(bool clean);
  void after_write();
  void end_request();
  void next_request();
  void begin_linger();
  void watch_reader();
  void on_reader_window();
  void on_linger_end();
  void close(bool reset);
  void release_buffers();
  // The upstream has ended a tunnel in order: however the client goes now, all has
  // been said.
  bool tunnel_over() const;
  std::string_view buffered() const { return {block_.data() + begin_, end_ - begin_}; }

  net::Turn& turn_;
  Services& services_;
  ExchangePool& exchanges_;
  SessionHost& host_;
  Exchange* exchange_ = nullptr;
  State state_ = State::idle;
  bool pumping_ = false;
  bool paused_ = false;    // the exchange takes no body now
  bool finished_ = false;  // the exchange is over: end_request() is due
  bool aborted_ = false;
  bool close_after_ = false;  // this answer is the last
  bool half_closed_ = false;  // the client has ended its side
  bool write_failed_ = false;
  bool draining_ = false;
  bool large_ = false;  // this client sends bodies: read with a large block
  bool tunnel_ = false;
  bool reader_watched_ = false;  // time_ is a window of the body floor: see watch_reader()
  bool end_waits_ = false;       // a tunnel's end, behind bytes that wait for room
  bool skipped_line_ = false;    // the one empty line before a request
  bool head_timed_ = false;      // time_ runs for the present head
  bool reset_on_abort_ = false;  // the answer's end is the connection's end

  // [head of the request | begin_ .. end_: not consumed]; the head stays in
  // place as long as its exchange lives.
  net::Block block_;
  std::size_t head_size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  net::Block out_block_;  // the answer's head, until it is written
  net::Deadline time_;    // idle, head, linger, or a reader's window
  FloorWindow reader_;
  std::uint64_t requests_ = 0;
  std::uint64_t discarded_ = 0;  // behind the last answer
  http::RequestHeadParser parser_;
  http::BodyDecoder decoder_;
  MessageWriter writer_;
};

}  // namespace marquee::proxy
