#include "proxy/upstream/h1_upstream.hpp"

#include <cstring>

#include "proxy/http/framing.hpp"
#include "proxy/http/head_writer.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::proxy {
namespace {

// Room in front of an answer for the head that replaces its own: the right-
// aligned head (body_slice.hpp).
constexpr std::size_t headroom = 2048;

}  // namespace

H1Upstream::H1Upstream(net::Turn& turn, UpstreamOwner& owner, Parts parts)
    : UpstreamConnection(turn, owner, std::move(parts), false) {}

H1Upstream::~H1Upstream() = default;

void H1Upstream::serve(UpstreamRequest& asker) {
  time_.disarm();
  asker_ = &asker;
  state_ = State::active;
  phase_ = Phase::head;
  input_ended_ = paused_ = head_held_ = reusable_ = at_fault_ = write_failed_ = false;
  parser_.reset(asker.response_limits());
  asker.response().clear();
  writer_.reset();
}

// --- What the exchange asks ------------------------------------------------

void H1Upstream::send_head(const OutgoingRequest& head) {
  const std::size_t bound = http::head_bound(head);
  head_block_ = turn_.buffers().acquire(net::smallest_block(bound));
  if (bound > head_block_.size()) {  // heads are limited to less; settings can raise that
    write_failed_ = true;
    turn_.run_later(*this);
    return;
  }
  const std::size_t size = http::compose(head, head_block_.data());
  writer_.begin({head_block_.data(), size}, head.body);
}

std::size_t H1Upstream::send_body(const BodySlice& slice) {
  const std::size_t taken = writer_.body(*stream_, slice);
  after_write();
  return taken;
}

void H1Upstream::send_end(const http::FieldTable* trailers) {
  if (phase_ == Phase::tunnel) return stream_->shutdown_send();
  writer_.end(*stream_, trailers);
  after_write();
}

void H1Upstream::flush() {
  writer_.flush(*stream_);
  after_write();
}

void H1Upstream::after_write() {
  if (!writer_.head_waits()) head_block_.reset();
  if (!writer_.failed() || write_failed_) return;
  // The peer may have answered before it closed: read that first.
  write_failed_ = true;
  turn_.run_later(*this);
}

void H1Upstream::start_tunnel() {
  phase_ = Phase::tunnel;
  decoder_.begin({http::BodyKind::until_close, 0}, {});
  writer_.begin({}, {http::BodyKind::until_close, 0});
}

void H1Upstream::resume_response() {
  paused_ = false;
  turn_.run_later(*this);
}

void H1Upstream::release() {
  asker_ = nullptr;
  reusable_ = reusable_ && writer_.drained(*stream_) && !write_failed_;
  turn_.run_later(*this);
}

void H1Upstream::abort(bool at_fault) {
  asker_ = nullptr;
  reusable_ = false;
  at_fault_ = at_fault;
  turn_.run_later(*this);
}

// --- The driver ------------------------------------------------------------

void H1Upstream::on_ready(Ready ready) {
  stream_->on_readiness(ready.in, ready.out);
  if (ready.hup) stream_->on_hangup();
  if (is_connecting()) return continue_connect();
  if (state_ == State::idle) return probe_idle();
  if (state_ != State::active) return;
  if (ready.out && writer_.full(*stream_) && writer_.on_writable(*stream_) && asker_)
    asker_->on_upstream_writable();
  after_write();
  pump();
}

void H1Upstream::run() {
  if (state_ != State::active) return;
  if (asker_) pump();
  if (asker_ && write_failed_) fail(UpstreamFailure::reset);
  settle();
}

// Nothing may come on an idle connection but the peer's close.
void H1Upstream::probe_idle() {
  char byte;
  const net::IoResult r = stream_->read({&byte, 1});
  if (r.status != net::IoStatus::would_block) close();
}

void H1Upstream::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (asker_) {
    if (begin_ < end_) {
      if (!consume()) break;
    } else if (paused_ || input_ended_ || !stream_->may_read() || !read_more()) {
      break;
    }
  }
  pumping_ = false;
  if (asker_ && head_held_) {
    head_held_ = false;
    asker_->on_response_body({nullptr, 0, 0, true, false});
  }
  settle();
}

// False when no further progress is possible now.
bool H1Upstream::read_more() {
  if (!block_) {
    block_ = turn_.buffers().acquire(net::BlockSize::large);
    begin_ = end_ = headroom;
  } else if (begin_ == end_) {
    begin_ = end_ = headroom;
  }
  if (end_ == block_.size() && phase_ == Phase::head && begin_ > headroom) {
    // Interim answers stand in front: the head is parsed anew, with their room.
    std::memmove(block_.data() + headroom, block_.data() + begin_, end_ - begin_);
    end_ -= begin_ - headroom;
    begin_ = headroom;
    asker_->response().clear();
    parser_.reset();
  }
  if (end_ == block_.size()) {  // the head's limit is met long before
    fail(UpstreamFailure::bad_answer, http::Refusal::head_too_large);
    return false;
  }
  const net::IoResult r = stream_->read({block_.data() + end_, block_.size() - end_});
  switch (r.status) {
    case net::IoStatus::ok:
      end_ += r.bytes;
      return true;
    case net::IoStatus::would_block:
      return false;
    case net::IoStatus::closed:
      on_input_end(true);
      return false;
    case net::IoStatus::failed:
      on_input_end(false);
      return false;
  }
  return false;
}

bool H1Upstream::consume() {
  if (phase_ == Phase::head) return consume_head();
  return !paused_ && consume_body();
}

bool H1Upstream::consume_head() {
  http::ResponseHead& head = asker_->response();
  const http::ParseState parsed = parser_.parse(buffered(), head);
  if (parsed == http::ParseState::refused) {
    fail(UpstreamFailure::bad_answer, parser_.refusal());
    return false;
  }
  if (parsed == http::ParseState::more) return stream_->may_read() && read_more();
  const http::Refusal r = http::judge(
      head, {asker_->request().method,
             asker_->request().upgrade ? asker_->request().upgrade_to : std::string_view{}});
  if (r != http::Refusal::none) {
    fail(UpstreamFailure::bad_answer, r);
    return false;
  }
  begin_ += parser_.consumed();
  if (head.status < 200 && head.status != 101) {
    asker_->on_response_interim();
    if (!asker_) return false;
    head.clear();
    parser_.reset();
    return true;
  }
  verdict(Verdict::good);
  reusable_ = head.keep_alive && head.status != 101;
  phase_ = Phase::body;
  decoder_.begin(head.body, asker_->body_limits());
  head_held_ = true;
  asker_->on_response_head();
  // A body of no bytes ends here.
  if (asker_ && phase_ == Phase::body && decoder_.ended()) return consume_body();
  return asker_ != nullptr;
}

bool H1Upstream::consume_body() {
  const http::BodyDecoder::Step step = decoder_.next(buffered());
  begin_ += step.skip;
  switch (step.kind) {
    case http::BodyDecoder::Step::need_more:
      return begin_ < end_ || (stream_->may_read() && read_more());
    case http::BodyDecoder::Step::refused:
      fail(UpstreamFailure::bad_answer, decoder_.refusal());
      return false;
    case http::BodyDecoder::Step::end:
      head_held_ = false;
      asker_->on_response_end(decoder_.has_trailers() ? &decoder_.trailers() : nullptr);
      return false;
    case http::BodyDecoder::Step::data:
      break;
  }
  BodySlice slice;
  slice.data = block_.data() + begin_;
  slice.size = step.slice.size();
  slice.headroom = begin_;
  slice.flush = begin_ + slice.size == end_ && !stream_->may_read();
  slice.end = slice.bare_end = phase_ == Phase::body && decoder_.ends_after(slice.size);
  head_held_ = false;
  const std::size_t taken = asker_->on_response_body(slice);
  begin_ += taken;
  if (!asker_) return false;
  decoder_.took(taken);
  if (taken < slice.size) {
    paused_ = true;
    return false;
  }
  // Behind a chunk stands its line: that nothing more is at hand is told afterwards.
  head_held_ = !slice.flush && !slice.end && phase_ == Phase::body;
  if (decoder_.ended()) return consume_body();
  return true;
}

void H1Upstream::on_input_end(bool clean) {
  if (!asker_) return;
  reusable_ = false;
  input_ended_ = true;
  if (phase_ == Phase::head) {
    // With a part of the head there it is an answer that broke off.
    fail(begin_ != end_ ? UpstreamFailure::truncated
         : clean        ? UpstreamFailure::closed
                        : UpstreamFailure::reset);
  } else if (clean && decoder_.end_of_input_is_end()) {
    head_held_ = false;
    asker_->on_response_end(nullptr);
  } else {
    fail(phase_ == Phase::tunnel ? UpstreamFailure::closed : UpstreamFailure::truncated);
  }
}

void H1Upstream::fail(UpstreamFailure why, http::Refusal refusal) {
  // A pooled connection that had died says nothing about its endpoint when the
  // request goes to a fresh one, which will tell.
  const bool stale = idled_ && (why == UpstreamFailure::reset || why == UpstreamFailure::closed) &&
                     http::is_idempotent(asker_->request().method);
  verdict(stale ? Verdict::none : Verdict::bad);
  UpstreamRequest* asker = asker_;
  reusable_ = false;
  asker->on_upstream_failed(why, refusal);  // aborts this end
}

void H1Upstream::verdict(Verdict v) {
  if (!errand.ticket_open) return;
  errand.ticket_open = false;
  owner_->on_verdict(*this, errand.ticket, v);
}

// After the codec has returned: free what is not needed, leave if it is over.
void H1Upstream::settle() {
  if (pumping_ || state_ != State::active) return;
  if (asker_) {
    if (begin_ == end_ && phase_ != Phase::head) block_.reset();
    return;
  }
  verdict(at_fault_ ? Verdict::bad : Verdict::none);
  // Bytes beyond the answer belong to nobody: such a connection has lost step.
  const bool clean = reusable_ && begin_ == end_ && phase_ == Phase::body && decoder_.ended();
  block_.reset();
  begin_ = end_ = 0;
  head_block_.reset();
  if (!clean) return close();
  state_ = State::idle;
  owner_->on_idle(*this);
}

void H1Upstream::on_deadline(net::Deadline&) {
  if (is_connecting()) return connect_failed(UpstreamFailure::connect_timeout);
  if (state_ == State::idle) close();
}

}  // namespace marquee::proxy
