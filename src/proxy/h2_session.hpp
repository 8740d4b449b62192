// One client connection that speaks HTTP/2: driver of the codec above the byte
// stream. Each stream is the client's end of an exchange of its own.
//
// A batch of bytes is decoded whole before any of its requests reaches an
// exchange, so that one taken back at once never reaches an upstream. What all
// streams send in a turn leaves in one write at its end (run()).
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/byte_stream.hpp"
#include "net/turn.hpp"
#include "proxy/body_backlog.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/ends.hpp"
#include "proxy/floor_window.hpp"
#include "proxy/h2_stream.hpp"
#include "proxy/http/h2_codec.hpp"
#include "proxy/http/h2_flood.hpp"
#include "proxy/session_host.hpp"

namespace marquee::proxy {

class ExchangePool;
struct Services;

class H2Session final : public net::Expiring, private BodyBacklog::Waiter {
 public:
  H2Session(Services& services, ExchangePool& exchanges, SessionHost& host);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // `first_head` as in H1Session.
  void start(net::Deadline* first_head = nullptr);
  void on_ready(bool writable, bool reset);
  // Says GOAWAY and ends when the streams under way have.
  void drain();
  // What was put off, then the turn's one flush.
  void run();
  bool idle() const { return active_ == 0; }
  bool running() const;  // an exchange of it has not ended
  std::uint64_t requests() const { return requests_; }
  bool failed_by_flood() const { return flood_ != http::H2Flood::none; }

  void on_deadline(net::Deadline& which) override;

  // --- For its streams -----------------------------------------------------
  http::H2Codec& codec() { return codec_; }
  Services& services() { return services_; }
  net::Turn& turn() { return turn_; }
  ExchangePool& exchanges() { return exchanges_; }
  ConnectionFacts& facts() { return host_.facts(); }
  // Calls the stream's settle() later in this turn.
  void put_off(H2Stream& stream);
  // Something was packed: it leaves at the turn's end.
  void wake() { host_.wake(); }
  // Writes what is packed at once; true when all of it has left.
  bool flush_now();
  void stream_active(bool active);
  // Bytes of request bodies that wait in streams, for the bound on them.
  void held(std::ptrdiff_t more);
  void note_batch(H2Stream& stream);
  // Its error makes us reset a stream.
  void clients_fault(std::uint32_t cost);

 private:
  enum class State : std::uint8_t {
    open,
    closing,  // GOAWAY is said; what is packed still leaves
    linger,   // our side is ended; reading on, so that the GOAWAY is not lost
    over,
  };

  void on_backlog_room() override { wake(); }
  void read();
  void feed(std::string_view bytes);
  void take_events();
  void take(const http::H2Codec::Event& event);
  void on_request(http::H2Codec::Stream& stream);
  void resume_writers();
  void settle_streams();
  void judge_time();
  // h2_session_reader.cpp
  std::uint64_t untaken();
  void watch_reader();
  void on_reader_window();
  void calm(http::H2Flood flood);
  void lose_all(ClientLoss how);
  void end(http::H2Error code);
  void finish_output();
  void close(bool reset);
  H2Stream* find(std::int32_t id);
  struct Urgency {
    std::int32_t id;
    std::uint8_t urgency;
  };
  void prioritise_idle(Urgency update);

  net::Turn& turn_;
  Services& services_;
  ExchangePool& exchanges_;
  SessionHost& host_;
  http::H2Codec codec_;
  std::uint32_t most_streams_;
  http::H2FrameScan scan_;
  http::H2Budget budget_;
  State state_ = State::open;
  http::H2Flood flood_ = http::H2Flood::none;
  bool taking_ = false;
  bool half_closed_ = false;  // the client has ended its side
  bool write_failed_ = false;
  bool full_ = false;   // the stream took less than it was given
  bool large_ = false;  // this client sends bodies
  bool draining_ = false;
  bool last_said_ = false;      // the final GOAWAY
  bool client_leaves_ = false;  // it said GOAWAY
  bool head_timed_ = false;
  std::size_t open_ = 0;    // streams begun that are not closed for the codec
  std::size_t active_ = 0;  // streams with an exchange
  std::uint64_t requests_ = 0;
  std::uint64_t discarded_ = 0;
  BodyBacklog::Share backlog_;  // request bytes that wait in streams
  std::size_t withheld_ = 0;    // connection credit that waits for room
  std::vector<std::unique_ptr<H2Stream>> streams_;
  std::vector<H2Stream*> due_;
  std::vector<H2Stream*> batch_;  // got a head or bytes in the present batch
  std::vector<Urgency> early_;    // PRIORITY_UPDATE before the request
  std::int32_t last_id_ = 0;      // of the streams that came
  net::Deadline time_;            // idle, closing, linger
  net::Deadline head_time_;       // a field block under way, or the first request
  net::Deadline drain_time_;      // between the two GOAWAYs
  ReaderWindow reader_;
  net::Deadline reader_time_;  // looks at what the client has not taken
  std::int64_t written_ = 0;
};

}  // namespace marquee::proxy
