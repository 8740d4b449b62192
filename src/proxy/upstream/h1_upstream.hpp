// One HTTP/1.1 connection to an upstream: driver and codec. Connecting, idle in
// its pool, or serving one exchange. Idle it holds no buffer and still notices
// its peer's close.
#pragma once
#include <cstdint>
#include <memory>

#include "net/socket.hpp"
#include "net/worker.hpp"
#include "proxy/ends.hpp"
#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/message_writer.hpp"
#include "proxy/upstream/ejection.hpp"

namespace marquee::proxy {

class Exchange;
class H1Upstream;

// What a request says about its endpoint's health.
enum class Verdict : std::uint8_t { good, bad, none };

// What a connection tells its pool. Called when the connection's driver has
// returned from the codec; the pool may retire the connection.
class UpstreamOwner {
 public:
  virtual void on_connected(H1Upstream& connection) = 0;
  virtual void on_connect_failed(H1Upstream& connection, UpstreamFailure why) = 0;
  virtual void on_idle(H1Upstream& connection) = 0;
  virtual void on_closed(H1Upstream& connection) = 0;
  // The answer's head came, or will never come: for the endpoint's health.
  virtual void on_verdict(H1Upstream& connection, Verdict verdict) = 0;

 protected:
  ~UpstreamOwner() = default;
};

class H1Upstream final : public net::Watched, public UpstreamEnd, public net::Expiring {
 public:
  enum class State : std::uint8_t { connecting, handshake, idle, active, closed };

  H1Upstream(net::Turn& turn, UpstreamOwner& owner, net::Fd fd,
             std::unique_ptr<net::ByteStream> stream, bool tls);
  ~H1Upstream() override;

  // Waits for connect() under way on the descriptor, at most `limit`.
  void await_connect(net::Ms limit);
  // Takes on an exchange; the connection is idle or was just connected.
  void serve(Exchange& exchange);
  void become_idle(net::Ms limit);
  State state() const { return state_; }
  // Of an idle connection that another pool takes over.
  void set_owner(UpstreamOwner& owner) { owner_ = &owner; }
  int fd() const { return fd_.get(); }
  net::ByteStream& stream() { return *stream_; }
  std::int64_t connect_us() const { return connect_us_; }

  // UpstreamEnd
  void send_head(const OutgoingRequest& head) override;
  std::size_t send_body(const BodySlice& slice) override;
  void send_end(const http::FieldTable* trailers) override;
  void flush() override;
  void start_tunnel() override;
  void resume_response() override;
  bool untouched() const override { return writer_.written() == 0; }
  void release() override;
  void abort(bool at_fault) override;

  // Watched, Resident, Expiring
  void on_ready(Ready ready) override;
  void run() override;
  void on_deadline(net::Deadline& which) override;

  // The pool's own notes on it.
  struct Place {
    std::uint32_t endpoint = 0;
    std::size_t index = 0;        // in the pool's list of connections
    Exchange* waiting = nullptr;  // whom the connect is for
    std::uint64_t tried = 0;      // endpoints that this request has been to, by bit
    bool fresh = false;           // the request must not have a pooled connection
    HealthTicket ticket;
    bool ticket_open = false;  // waits for its verdict
  } place;

 private:
  enum class Phase : std::uint8_t { head, body, tunnel };

  void continue_connect();
  void connect_failed(UpstreamFailure why);
  void pump();
  bool consume();
  bool consume_head();
  bool consume_body();
  bool read_more();
  void on_input_end(bool clean);
  void fail(UpstreamFailure why, http::Refusal refusal = http::Refusal::none);
  void verdict(Verdict v);
  void settle();
  void probe_idle();
  void after_write();
  void close();

  std::string_view buffered() const { return {block_.data() + begin_, end_ - begin_}; }

  net::Turn& turn_;
  UpstreamOwner* owner_;
  net::Fd fd_;
  std::unique_ptr<net::ByteStream> stream_;
  Exchange* exchange_ = nullptr;
  State state_ = State::connecting;
  Phase phase_ = Phase::head;
  bool tls_;
  bool pumping_ = false;
  bool paused_ = false;     // the exchange takes no more
  bool head_held_ = false;  // told of a head that no body followed yet
  bool reusable_ = false;
  bool at_fault_ = false;
  bool write_failed_ = false;
  bool input_ended_ = false;  // of a tunnel
  bool idled_ = false;        // was in the pool: may have died there unseen

  net::Block head_block_;  // the request's head, until it is written
  net::Block block_;       // [headroom | begin_ .. end_ | free]
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  net::Deadline time_;  // connect, or idle
  net::TimePoint started_{};
  std::int64_t connect_us_ = -1;
  http::ResponseHeadParser parser_;
  http::BodyDecoder decoder_;
  MessageWriter writer_;
};

}  // namespace marquee::proxy
