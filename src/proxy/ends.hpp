// The two ends of an exchange, as the exchange sees them, and what they tell it.
//
// Calls are direct, within one worker. The rules that keep them safe:
// - An end never calls back into the exchange from within a call of the exchange:
//   it notes what happened and tells it when its own driver runs.
// - The exchange never destroys an end; it gives it up by release() or abort().
// - Body slices are borrowed for the call. The receiver answers how many bytes
//   it took; fewer than offered means full, and the producer waits for resume.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/body_slice.hpp"
#include "proxy/http/refusal.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

// Why an upstream could not be reached or did not finish its answer. A closed
// set: counters and log lines come from it (docs/failures.md).
enum class UpstreamFailure : std::uint8_t {
  none,
  no_endpoint,      // nothing to connect to: no address known, or all tried
  connect_refused,  // or unreachable
  connect_timeout,
  tls,         // handshake or verification failed
  pool_full,   // max_connections reached
  reset,       // the connection died before the answer's head
  closed,      // ended in order before the answer's head
  bad_answer,  // not HTTP as we accept it; the Refusal says what
  first_byte_timeout,
  idle_timeout,  // between two reads of the body
  total_timeout,
  truncated,       // died within the answer
  goaway,          // HTTP/2: the connection ended, and the request was not begun
  refused_stream,  // HTTP/2: not begun, by the peer's word
  stream_reset,    // HTTP/2: the request was broken off before the answer's head
  no_tunnel,       // an upgrade, and the endpoints speak HTTP/2 only
  local_limit,     // we have no descriptor, port or memory for a connection
  count_,
};
std::string_view name(UpstreamFailure f);

// How a client left.
enum class ClientLoss : std::uint8_t {
  none,
  reset,
  incomplete_request,
  too_slow,
  idle,
  write_failed,
  count_
};
std::string_view name(ClientLoss l);

class ClientEnd {
 public:
  virtual void send_interim(const OutgoingResponse& head) = 0;
  // Leaves with the first body slice, flush() or end.
  virtual void send_head(const OutgoingResponse& head) = 0;
  virtual std::size_t send_body(const BodySlice& slice) = 0;
  virtual void send_end(const http::FieldTable* trailers) = 0;
  virtual void flush() = 0;
  // After a 101: both directions carry raw bytes from here.
  virtual void start_tunnel() = 0;
  // The exchange takes request body bytes (again).
  virtual void resume_request() = 0;
  // Breaks the connection (h1) or stream (h2): the answer must not look whole.
  virtual void abort() = 0;
  // The answer is complete; the end may reuse or free the exchange after the
  // present call stack. With the request unread it closes in an orderly way.
  virtual void finished() = 0;
  // Bytes of what was sent that the client has not taken from the network yet;
  // 0 where the protocol itself shows what it takes.
  virtual std::uint64_t untaken() const { return 0; }

 protected:
  ~ClientEnd() = default;
};

class UpstreamEnd {
 public:
  virtual void send_head(const OutgoingRequest& head) = 0;
  virtual std::size_t send_body(const BodySlice& slice) = 0;
  virtual void send_end(const http::FieldTable* trailers) = 0;
  virtual void flush() = 0;
  virtual void start_tunnel() = 0;
  virtual void resume_response() = 0;
  // No byte of the request has reached the kernel.
  virtual bool untouched() const = 0;
  // The answer was read to its end; the connection may serve another exchange.
  virtual void release() = 0;
  // The exchange gives up; the connection (h1) or stream (h2) is closed.
  // `at_fault`: because of the upstream (it counts against its health).
  virtual void abort(bool at_fault) = 0;

 protected:
  ~UpstreamEnd() = default;
};

// What an opened upstream end is, for retries, the log and metrics.
struct UpstreamFacts {
  std::string_view endpoint;     // "http://10.0.0.7:8080"; lives as long as the pool
  bool reused = false;           // a connection that was there before
  bool multiplexed = false;      // may refuse a request without having begun it
  std::int64_t connect_us = -1;  // -1: reused
};

}  // namespace marquee::proxy
