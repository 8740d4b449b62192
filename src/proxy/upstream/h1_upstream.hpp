// One HTTP/1.1 connection to an upstream: driver and codec. Connecting, idle in
// its pool, or serving one exchange. Idle it holds no buffer and still notices
// its peer's close.
#pragma once
#include <cstdint>
#include <memory>

#include "proxy/ends.hpp"
#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/message_writer.hpp"
#include "proxy/upstream/upstream_connection.hpp"

namespace marquee::proxy {

class UpstreamRequest;

class H1Upstream final : public UpstreamConnection, public UpstreamEnd {
 public:
  H1Upstream(net::Turn& turn, UpstreamOwner& owner, Parts parts);
  ~H1Upstream() override;

  // Takes on an exchange; the connection is idle or was just connected.
  void serve(UpstreamRequest& asker);

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

  // The pool's notes on whom it is for.
  struct Errand {
    UpstreamRequest* waiting = nullptr;  // for the connect
    std::uint64_t tried = 0;             // endpoints that this request has been to, by bit
    bool fresh = false;                  // the request must not have a pooled connection
    HealthTicket ticket;
    bool ticket_open = false;  // waits for its verdict
  } errand;

 private:
  enum class Phase : std::uint8_t { head, body, tunnel };

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

  std::string_view buffered() const { return {block_.data() + begin_, end_ - begin_}; }

  UpstreamRequest* asker_ = nullptr;
  Phase phase_ = Phase::head;
  bool pumping_ = false;
  bool paused_ = false;     // the exchange takes no more
  bool head_held_ = false;  // told of a head that no body followed yet
  bool reusable_ = false;
  bool at_fault_ = false;
  bool write_failed_ = false;
  bool input_ended_ = false;  // of a tunnel

  net::Block head_block_;  // the request's head, until it is written
  net::Block block_;       // [headroom | begin_ .. end_ | free]
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  http::ResponseHeadParser parser_;
  http::BodyDecoder decoder_;
  MessageWriter writer_;
};

}  // namespace marquee::proxy
