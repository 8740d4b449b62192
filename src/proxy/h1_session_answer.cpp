// What a session writes, and what comes between two requests.
#include <algorithm>
#include <cstring>

#include "proxy/exchange.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/h1_session.hpp"

namespace marquee::proxy {
// --- What the exchange asks ------------------------------------------------

void H1Session::send_interim(const OutgoingResponse& head) {
  if (head.status == 101) return;
  net::Block block = turn_.buffers().acquire(net::smallest_block(http::head_bound(head)));
  if (http::head_bound(head) > block.size()) return;
  const std::size_t size = http::compose(head, http::Persistence::keep, block.data());
  writer_.raw(host_.stream(), {block.data(), size});
  after_write();
}

void H1Session::send_head(const OutgoingResponse& head) {
  const http::RequestHead& request = exchange_->request();
  OutgoingResponse out = head;
  close_after_ = close_after_ || (half_closed_ && begin_ == end_) || !request.keep_alive ||
                 draining_ || services_.draining;
  if (out.body.kind == http::BodyKind::until_close || out.body.kind == http::BodyKind::chunked) {
    // A length that nobody knows: chunks, or for HTTP/1.0 the connection's end.
    out.body.kind = request.minor == 1 ? http::BodyKind::chunked : http::BodyKind::until_close;
    if (request.minor == 0) close_after_ = reset_on_abort_ = true;
  }
  const auto persistence = close_after_         ? http::Persistence::close
                           : request.minor == 0 ? http::Persistence::keep_explicit
                                                : http::Persistence::keep;
  const std::size_t bound = http::head_bound(out);
  out_block_ = turn_.buffers().acquire(net::smallest_block(bound));
  if (bound > out_block_.size()) {
    write_failed_ = true;
    host_.wake();
    return;
  }
  const std::size_t size = http::compose(out, persistence, out_block_.data());
  writer_.begin({out_block_.data(), size}, out.bodiless ? http::BodyFraming{} : out.body, true);
}

std::size_t H1Session::send_body(const BodySlice& slice) {
  const std::size_t taken = writer_.body(host_.stream(), slice);
  after_write();
  return taken;
}

void H1Session::send_end(const http::FieldTable* trailers) {
  if (tunnel_) {
    end_waits_ = !writer_.drained(host_.stream());
    if (!end_waits_) host_.stream().shutdown_send();
    return;
  }
  writer_.end(host_.stream(), trailers);
  after_write();
}

void H1Session::flush() {
  writer_.flush(host_.stream());
  after_write();
}

void H1Session::after_write() {
  if (!writer_.head_waits()) out_block_.reset();
  if (!writer_.failed() || write_failed_) return;
  write_failed_ = true;
  host_.wake();
}

void H1Session::start_tunnel() {
  tunnel_ = true;
  close_after_ = true;
  state_ = State::body;
  decoder_.begin({http::BodyKind::until_close, 0}, {});
  writer_.begin({}, {http::BodyKind::until_close, 0});
}

void H1Session::resume_request() {
  paused_ = false;
  host_.wake();
}

void H1Session::abort() {
  writer_.flush(host_.stream());  // what came before the break
  aborted_ = true;
  host_.wake();
}

void H1Session::finished() {
  finished_ = true;
  host_.wake();
}

std::uint64_t H1Session::untaken() const { return writer_.untaken(host_.stream()); }

bool H1Session::tunnel_over() const { return tunnel_ && exchange_ && exchange_->answer_complete(); }

// --- Between requests ------------------------------------------------------

void H1Session::end_request() {
  const bool complete = exchange_->request_complete();
  const bool small = exchange_->rest_is_small();
  exchanges_.release(*exchange_);
  exchange_ = nullptr;
  finished_ = false;
  out_block_.reset();
  writer_.reset();
  if (tunnel_ || (half_closed_ && begin_ == end_)) return close(false);
  if (close_after_) return begin_linger();
  if (complete) return next_request();
  if (!small) return begin_linger();
  state_ = State::discard;
  reader_watched_ = false;
  discarded_ = 0;
  turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.body, turn_.now());
}

void H1Session::next_request() {
  state_ = State::idle;
  close_after_ = paused_ = reset_on_abort_ = false;
  if (begin_ < end_) {
    // Pipelined bytes move to the front: the next head starts a block.
    std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
    end_ -= begin_;
  } else {
    end_ = 0;
  }
  begin_ = head_size_ = 0;
  if (draining_ || services_.draining) return begin_linger();
  // The last answer may still stand in the kernel, before a client that does not
  // read: that is looked at on the way to the idle limit.
  watch_reader();
}

// The answer is written, or handed to the kernel, but the client may not have
// taken it: the floor holds until it has.
void H1Session::watch_reader() {
  const config::Timeouts& limits = services_.snapshots.settings().timeouts;
  reader_watched_ = limits.body_floor > 0 && FloorWindow::part(limits) < limits.idle;
  reader_.stop();
  turn_.deadlines().arm(time_, *this, reader_watched_ ? FloorWindow::part(limits) : limits.idle,
                        turn_.now());
}

void H1Session::on_reader_window() {
  const config::Timeouts& limits = services_.snapshots.settings().timeouts;
  const std::uint64_t owed = untaken();
  if (owed == 0) {
    reader_watched_ = false;
    if (state_ != State::idle) return close(false);
    const config::Ms rest = limits.idle - FloorWindow::part(limits);
    return turn_.deadlines().arm(time_, *this, std::max(rest, config::Ms(1)), turn_.now());
  }
  const auto moved = -static_cast<std::int64_t>(owed);
  if (!reader_.running()) {
    reader_.begin(moved);
  } else if (reader_.below(moved, config::bytes_per_window(limits))) {
    services_.sink.lost(ClientLoss::too_slow);
    return close(true);
  }
  turn_.deadlines().arm(time_, *this, FloorWindow::part(limits), turn_.now());
}

// RFC 9112 9.6: send our end, then read until the client has ended its own, so
// that its unread bytes do not make the kernel reset our answer away.
void H1Session::begin_linger() {
  state_ = State::linger;
  reader_watched_ = false;
  discarded_ = 0;
  host_.stream().shutdown_send();
  turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.linger, turn_.now());
}

// A client that sends nothing more may still be reading. Our own end counts as
// one byte that it has not taken.
void H1Session::on_linger_end() {
  const config::Timeouts& limits = services_.snapshots.settings().timeouts;
  if (limits.body_floor == 0 || services_.draining || untaken() <= 1) return close(false);
  watch_reader();
}

void H1Session::drain() {
  draining_ = true;
  if (state_ == State::idle) begin_linger();
}

void H1Session::release_buffers() {
  if (begin_ < end_) return;
  if (state_ == State::idle || state_ == State::linger) {
    block_.reset();
    begin_ = end_ = head_size_ = 0;
  }
}

void H1Session::close(bool reset) {
  if (state_ == State::over) return;
  state_ = State::over;
  time_.disarm();
  host_.close(reset);
}

void H1Session::on_deadline(net::Deadline&) {
  if (reader_watched_) return on_reader_window();
  switch (state_) {
    case State::head:
      state_ = State::waiting;
      return exchange_->refuse(RefusalCause::slow_head, 408);
    case State::linger:
      return on_linger_end();
    default:
      return close(false);
  }
}

}  // namespace marquee::proxy
