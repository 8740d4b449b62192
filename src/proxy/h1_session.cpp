#include "proxy/h1_session.hpp"

#include <cstring>

#include "proxy/exchange.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/http/framing.hpp"

namespace marquee::proxy {
namespace {

// Read on for at most this much after the last answer.
constexpr std::uint64_t linger_bytes = 1u << 20;
// Less than this behind a head would cut its body into crumbs.
constexpr std::size_t room_after_head = 2048;

constexpr bool cut_off(ClientLoss how) {
  return how == ClientLoss::too_slow || how == ClientLoss::idle;
}

}  // namespace

H1Session::H1Session(Services& services, ExchangePool& exchanges, SessionHost& host)
    : turn_(services.turn), services_(services), exchanges_(exchanges), host_(host) {}

H1Session::~H1Session() {
  if (exchange_) exchanges_.release(*exchange_);
}

void H1Session::start(net::Deadline* first_head) {
  // The first head must come within the time of a head, not of an idle connection.
  if (first_head && first_head->armed())
    time_.take_over(*first_head, *this);
  else
    turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.head, turn_.now());
  pump();
}

void H1Session::on_ready(bool writable, bool reset) {
  if (state_ == State::over) return;
  if (reset && exchange_ && !finished_) {
    if (tunnel_over() && writer_.drained(host_.stream()))
      exchange_->on_request_end(nullptr);
    else
      exchange_->on_client_lost(ClientLoss::reset);
    return run();
  }
  if (writable && writer_.full(host_.stream()) && writer_.on_writable(host_.stream())) {
    if (end_waits_) host_.stream().shutdown_send();
    end_waits_ = false;
    if (exchange_) exchange_->on_client_writable();
  }
  after_write();
  pump();
}

// What was put off: the end of a request, a dead stream, a wish to go on.
void H1Session::run() {
  if (state_ == State::over) return;
  // A client that does not read would not see an end that waits behind its bytes.
  if (aborted_) return close(reset_on_abort_ || (exchange_ && cut_off(exchange_->outcome().loss)));
  if (write_failed_ && exchange_ && !finished_) {
    exchange_->on_client_lost(ClientLoss::write_failed);
    return close(false);
  }
  if (finished_) {
    if (write_failed_) return close(false);
    // The answer's last bytes may still wait for room.
    if (!writer_.drained(host_.stream())) {
      if (!time_.armed()) watch_reader();
      return;
    }
    end_request();
  }
  pump();
}

void H1Session::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (step()) {
  }
  pumping_ = false;
  if (state_ == State::over) return;
  if (finished_ || aborted_) host_.wake();
  release_buffers();
}

// One step of reading; false when there is nothing to do now.
bool H1Session::step() {
  switch (state_) {
    case State::idle:
    case State::head:
      return read_head();
    case State::body:
      return !finished_ && !aborted_ && read_body();
    case State::waiting:
      // Only to notice the client's end; what it pipelines stays in the kernel
      // once the block is full.
      return !half_closed_ && host_.stream().may_read() && !finished_ && fill();
    case State::discard:
      return discard_body();
    case State::linger:
      if (begin_ < end_) {
        discarded_ += end_ - begin_;
        begin_ = end_ = head_size_ = 0;
        if (discarded_ > linger_bytes) {
          close(false);
          return false;
        }
      }
      return host_.stream().may_read() && fill();
    case State::over:
      return false;
  }
  return false;
}

// Reads into the free end of the block; false when nothing came.
bool H1Session::fill() {
  if (!block_) {
    block_ = turn_.buffers().acquire(large_ ? net::BlockSize::large : net::BlockSize::medium);
    head_size_ = begin_ = end_ = 0;
  } else if (begin_ == end_) {
    begin_ = end_ = head_size_;
  }
  if (end_ == block_.size()) return false;
  const net::IoResult r = host_.stream().read({block_.data() + end_, block_.size() - end_});
  switch (r.status) {
    case net::IoStatus::ok:
      end_ += r.bytes;
      break;
    case net::IoStatus::would_block:
      return false;
    case net::IoStatus::closed:
      on_input_end(true);
      return false;
    case net::IoStatus::failed:
      on_input_end(false);
      return false;
  }
  // A body's records are gathered, so that they leave for the upstream in one
  // write. An end that is met here is met again by the next read.
  while (large_ && end_ < block_.size() && host_.stream().may_read()) {
    const net::IoResult more = host_.stream().read({block_.data() + end_, block_.size() - end_});
    if (more.status != net::IoStatus::ok) break;
    end_ += more.bytes;
  }
  return true;
}

void H1Session::begin_request() {
  exchange_ = &exchanges_.acquire();
  exchange_->begin(*this, host_.facts());
  state_ = State::head;
  const config::Settings& settings = exchange_->settings();
  parser_.reset({settings.limits.head, settings.limits.fields, settings.limits.target});
}

bool H1Session::read_head() {
  if (begin_ == end_) {
    if (half_closed_ || !host_.stream().may_read() || !fill()) return false;
  }
  if (!exchange_) {
    // One empty line behind a body begins no request (RFC 9112 2.2).
    if (!skipped_line_ && buffered().front() == '\r') {
      if (buffered().size() == 1) return !half_closed_ && host_.stream().may_read() && fill();
      if (buffered()[1] == '\n') {
        skipped_line_ = true;
        begin_ += 2;
        return true;
      }
    }
    skipped_line_ = false;
    begin_request();
  }
  http::RequestHead& head = exchange_->request();
  const http::ParseState parsed = parser_.parse(buffered(), head);
  if (parsed == http::ParseState::refused) {
    on_head_refused(parser_.refusal());
    return false;
  }
  if (parsed == http::ParseState::more) {
    if (!head_timed_) {
      // The first head's time runs since start().
      if (requests_ > 0)
        turn_.deadlines().arm(time_, *this, exchange_->settings().timeouts.head, turn_.now());
      head_timed_ = true;
      reader_watched_ = false;
    }
    if (end_ == block_.size()) {
      if (into_large_block()) return true;
      on_head_refused(http::Refusal::head_too_large);
      return false;
    }
    if (half_closed_) {  // behind an earlier request
      on_input_end(true);
      return false;
    }
    return host_.stream().may_read() && fill();
  }
  // The head stays in its block, so what follows it needs room there too.
  if (block_.size() - begin_ - parser_.consumed() < room_after_head && into_large_block())
    return true;
  ++requests_;
  head_timed_ = false;
  begin_ += parser_.consumed();
  head_size_ = begin_;
  time_.disarm();
  if (const http::Refusal r = http::judge(head); r != http::Refusal::none) {
    on_head_refused(r);
    return false;
  }
  decoder_.begin(head.body, exchange_->body_limits());
  if (head.body.kind != http::BodyKind::none) large_ = true;
  if (exchange_->limits().requests_per_connection != 0 &&
      requests_ >= exchange_->limits().requests_per_connection)
    head.keep_alive = false;
  state_ = head.body.kind == http::BodyKind::none ? State::waiting : State::body;
  paused_ = false;
  exchange_->on_request_head();
  return true;
}

// For a long head, which is parsed once more from its beginning.
bool H1Session::into_large_block() {
  net::Block large = turn_.buffers().acquire(net::BlockSize::large);
  if (block_.size() >= large.size()) return false;
  std::memcpy(large.data(), block_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  block_ = std::move(large);
  exchange_->request().clear();
  parser_.reset();
  return true;
}

void H1Session::on_head_refused(http::Refusal refusal) {
  time_.disarm();
  state_ = State::waiting;
  exchange_->refuse(refusal);
}

bool H1Session::read_body() {
  const http::BodyDecoder::Step step = decoder_.next(buffered());
  begin_ += step.skip;
  switch (step.kind) {
    case http::BodyDecoder::Step::refused:
      state_ = State::waiting;  // nothing behind it can be read
      exchange_->refuse(decoder_.refusal());
      return false;
    case http::BodyDecoder::Step::end:
      state_ = State::waiting;
      exchange_->on_request_end(decoder_.has_trailers() ? &decoder_.trailers() : nullptr);
      return true;
    case http::BodyDecoder::Step::need_more:
      if (half_closed_) {  // before this was a body, or a tunnel
        on_input_end(true);
        return false;
      }
      if (host_.stream().may_read() && fill()) return true;
      // Nothing more is at hand: let what was sent so far leave.
      if (state_ == State::body && !half_closed_ && exchange_ && !finished_)
        exchange_->on_request_body({nullptr, 0, 0, true, false});
      return false;
    case http::BodyDecoder::Step::data:
      break;
  }
  if (paused_) return false;
  BodySlice slice;
  slice.data = block_.data() + begin_;
  slice.size = step.slice.size();
  slice.flush = begin_ + slice.size == end_ && !host_.stream().may_read();
  slice.end = !tunnel_ && decoder_.ends_after(slice.size);
  const std::size_t taken = exchange_->on_request_body(slice);
  begin_ += taken;
  if (taken > 0) decoder_.took(taken);
  if (taken < slice.size) {
    paused_ = true;
    return false;
  }
  return true;
}

bool H1Session::discard_body() {
  const http::BodyDecoder::Step step = decoder_.next(buffered());
  begin_ += step.skip;
  switch (step.kind) {
    case http::BodyDecoder::Step::refused:
      begin_linger();
      return true;
    case http::BodyDecoder::Step::end:
      next_request();
      return true;
    case http::BodyDecoder::Step::need_more:
      return host_.stream().may_read() && fill();
    case http::BodyDecoder::Step::data:
      break;
  }
  begin_ += step.slice.size();
  discarded_ += step.slice.size();
  decoder_.took(step.slice.size());
  if (discarded_ > discard_bound) begin_linger();
  return true;
}

void H1Session::on_input_end(bool clean) {
  half_closed_ = true;
  switch (state_) {
    case State::idle:
    case State::discard:
    case State::linger:
      return close(false);
    case State::head:
      exchange_->on_client_lost(ClientLoss::incomplete_request);
      return close(false);
    case State::body:
      if (tunnel_ && (clean || tunnel_over())) {
        state_ = State::waiting;
        return exchange_->on_request_end(nullptr);
      }
      exchange_->on_client_lost(tunnel_ ? ClientLoss::reset : ClientLoss::incomplete_request);
      return close(false);
    case State::waiting:
      // A clean half-close after a complete request: it wants its answer, and
      // those of what it pipelined.
      close_after_ |= begin_ == end_;
      if (!clean && exchange_ && !finished_) {
        exchange_->on_client_lost(ClientLoss::reset);
        close(false);
      }
      return;
    case State::over:
      return;
  }
}

}  // namespace marquee::proxy
