#include "proxy/upstream/h2_upstream.hpp"

#include <algorithm>
#include <utility>

#include "proxy/upstream_request.hpp"

namespace marquee::proxy {
namespace {

// Room in front of a read for an answer's head (body_slice.hpp).
constexpr std::size_t headroom = 2048;
// Streams that may stand still, each with a window's bytes, before the
// connection's credit waits with them and the others stand still, too.
constexpr std::size_t stalled_streams = 16;
// A connection that was silent so long is asked whether it lives by the next
// request.
constexpr auto silence = std::chrono::seconds(10);
// Peers that count resets end a connection that had too many, with the streams
// of other tenants on it: it takes no more requests long before.
constexpr std::uint32_t most_resets = 500;

std::int64_t ms_of(net::TimePoint t) {
  return std::chrono::duration_cast<net::Ms>(t.time_since_epoch()).count();
}

}  // namespace

H2Upstream::H2Upstream(net::Turn& turn, UpstreamOwner& owner, Parts parts,
                       const config::UpstreamHttp2& settings, std::uint32_t header_list,
                       std::shared_ptr<BodyBacklog> backlog)
    : UpstreamConnection(turn, owner, std::move(parts), true),
      settings_(settings),
      codec_(turn.buffers(), {settings.stream_window, 1u << 20, header_list}),
      backlog_(std::move(backlog), *this,
               std::max<std::size_t>(BodyBacklog::per_connection,
                                     stalled_streams * settings.stream_window)) {}

H2Upstream::~H2Upstream() = default;

std::uint32_t H2Upstream::limit() const {
  return is_connecting() ? settings_.max_streams
                         : std::min(settings_.max_streams, codec_.max_streams());
}

bool H2Upstream::may_take(std::uint64_t tenant) const {
  return !over_ && state_ != State::closed && share_.room(tenant, limit(), settings_.tenant_share);
}

UpstreamEnd& H2Upstream::serve(UpstreamRequest& asker, std::uint64_t tenant,
                               const HealthTicket& ticket, bool reused) {
  time_.disarm();
  state_ = State::active;
  streams_.push_back(std::make_unique<H2UpstreamStream>(*this, asker, tenant, ticket, reused));
  asker.response().clear();
  if (turn_.now() - heard_ > silence) probe();
  return *streams_.back();
}

void H2Upstream::retire() {
  over_ = true;
  wake();
}

// --- The driver ------------------------------------------------------------

// No request before the peer's SETTINGS: they say how many it takes, and that it
// speaks HTTP/2 at all.
void H2Upstream::on_transport() {
  preface_ = true;
  heard_ = turn_.now();
  wake();
}

void H2Upstream::on_ready(Ready ready) {
  stream_->on_readiness(ready.in, ready.out);
  if (ready.hup) stream_->on_hangup();
  if (state_ == State::closed) return;
  if (is_connecting() && !preface_) return continue_connect();
  if (ready.out && (blocked_ || stream_->pending_out() > 0)) {
    const net::IoResult r = stream_->on_writable();
    write_failed_ |= r.status == net::IoStatus::failed;
    blocked_ = r.status == net::IoStatus::would_block;
  }
  read();
  wake();
}

void H2Upstream::run() {
  if (state_ == State::closed || (is_connecting() && !preface_)) return;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    H2UpstreamStream& stream = *streams_[i];
    if (!stream.asker_) continue;
    if (stream.not_sent_)
      fail(stream, UpstreamFailure::goaway);
    else if (std::exchange(stream.resumed_, false))
      deliver(stream);
  }
  give_credit();
  read();
  flush();
  settle();
}

void H2Upstream::read() {
  if (input_ended_ || !stream_->may_read()) return;
  net::Block block = turn_.buffers().acquire(net::BlockSize::large);
  while (stream_->may_read()) {
    const net::IoResult r = stream_->read({block.data() + headroom, block.size() - headroom});
    if (r.status == net::IoStatus::would_block) return;
    if (r.status != net::IoStatus::ok) {
      input_ended_ = true;
      input_clean_ = r.status == net::IoStatus::closed;
      return;
    }
    heard_ = turn_.now();
    probe_.disarm();
    codec_.receive({block.data() + headroom, r.bytes}, ms_of(heard_));
    handle_events(block.data());
    give_credit();
  }
}

void H2Upstream::give_credit() {
  if (owed_ > 0 && backlog_.has_room()) codec_.consume_connection(std::exchange(owed_, 0));
}

void H2Upstream::flush() {
  while (!blocked_ && !write_failed_) {
    if (out_begin_ == out_end_) {
      if (!codec_.wants_pull()) break;
      if (!out_) out_ = turn_.buffers().acquire(net::BlockSize::large);
      out_begin_ = 0;
      out_end_ = codec_.pull({out_.data(), out_.size()});
      if (out_end_ == 0) break;
    }
    const iovec rest{out_.data() + out_begin_, out_end_ - out_begin_};
    const net::IoResult r = stream_->write({&rest, 1});
    write_failed_ = r.status == net::IoStatus::failed;
    out_begin_ += r.bytes;
    blocked_ = out_begin_ < out_end_;
  }
  if (out_begin_ == out_end_) out_.reset();
  handle_events(nullptr);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    H2UpstreamStream& stream = *streams_[i];
    if (!stream.stopped_ || !stream.asker_ || !codec_.has_room(stream)) continue;
    stream.stopped_ = false;
    stream.asker_->on_upstream_writable();
  }
}

// Is somebody there? Any byte is an answer.
void H2Upstream::probe() {
  if (probe_.armed() || is_connecting()) return;
  codec_.ping();
  turn_.deadlines().arm(probe_, *this, settings_.ping_timeout, turn_.now());
  wake();
}

// When the codec has returned: what is over goes.
void H2Upstream::settle() {
  if (codec_.lost()) return end_connection(UpstreamFailure::bad_answer);
  if (silent_ || write_failed_ || input_ended_)
    return end_connection(input_ended_ && input_clean_ ? UpstreamFailure::closed
                                                       : UpstreamFailure::reset);
  if (preface_ && codec_.heard_settings()) {
    preface_ = false;
    connected();  // serves whom it is for
    if (state_ == State::closed) return;
  }
  over_ |= codec_.going_away() || resets_ >= most_resets;
  reap();
  if (is_connecting() || share_.total() > 0) return;
  if (over_) {
    say_goodbye();
    return close();
  }
  if (state_ == State::active) owner_->on_idle(*this);
}

void H2Upstream::reap() {
  std::size_t gone = 0;
  for (std::size_t i = 0; i < streams_.size();) {
    H2UpstreamStream& stream = *streams_[i];
    if (stream.asker_) {
      ++i;
      continue;
    }
    verdict(stream, Verdict::none);
    drop_kept(stream);
    share_.leave(stream.tenant_);
    std::swap(streams_[i], streams_.back());
    streams_.pop_back();
    ++gone;
  }
  if (gone > 0 && owed_ > 0) wake();  // what they kept may have held back credit
  const bool more = limit() > std::exchange(allowed_, limit());
  if (gone > 0 || more) owner_->on_room(*this, gone);
}

void H2Upstream::say_goodbye() {
  codec_.goodbye();
  flush();
  stream_->shutdown_send();
}

// All that is under way fails: `unanswered` where no head came. Answers that are
// here to their end stay until their clients have taken them.
void H2Upstream::end_connection(UpstreamFailure unanswered) {
  over_ = true;
  probe_.disarm();
  if (is_connecting()) {
    // Not HTTP/2, or gone before it said so.
    return connect_failed(codec_.lost() ? UpstreamFailure::bad_answer
                                        : UpstreamFailure::connect_refused);
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    H2UpstreamStream& stream = *streams_[i];
    if (!stream.asker_ || stream.phase_ == H2UpstreamStream::Phase::ended) continue;
    const bool unheard = stream.phase_ == H2UpstreamStream::Phase::head;
    fail(stream, unheard ? unanswered : UpstreamFailure::truncated);
  }
  reap();
  if (share_.total() == 0) close();
}

void H2Upstream::on_deadline(net::Deadline& which) {
  if (&which == &probe_) {
    silent_ = true;
    return wake();
  }
  if (is_connecting()) return connect_failed(UpstreamFailure::connect_timeout);
  if (state_ == State::idle) {
    say_goodbye();
    close();
  }
}

// --- What the exchange asks ------------------------------------------------

void H2UpstreamStream::send_head(const OutgoingRequest& head) {
  const std::string_view scheme = connection_.tls_ ? "https" : "http";
  not_sent_ = !head.upgrade_to.empty() ||
              !connection_.codec_.submit(*this, head, scheme, asker_->response_limits().head);
  connection_.over_ |= not_sent_;
  connection_.wake();
}

std::size_t H2UpstreamStream::send_body(const BodySlice& slice) {
  const std::size_t taken = connection_.codec_.body(*this, {slice.data, slice.size});
  stopped_ |= taken < slice.size;
  connection_.wake();
  return taken;
}

void H2UpstreamStream::send_end(const http::FieldTable* trailers) {
  connection_.codec_.end(*this, trailers);
  connection_.wake();
}

void H2UpstreamStream::flush() { connection_.wake(); }

void H2UpstreamStream::resume_response() {
  paused_ = false;
  resumed_ = true;
  connection_.wake();
}

// What is left of the request nobody wants.
void H2UpstreamStream::release() {
  asker_ = nullptr;
  if (open()) connection_.codec_.reset(*this, H2Code::cancel);
  connection_.wake();
}

void H2UpstreamStream::abort(bool at_fault) {
  asker_ = nullptr;
  if (open()) {
    connection_.codec_.reset(*this, H2Code::cancel);
    ++connection_.resets_;
    // It kept us waiting: perhaps the whole connection is dead.
    if (at_fault) connection_.probe();
  }
  connection_.verdict(*this, at_fault ? Verdict::bad : Verdict::none);
  connection_.wake();
}

}  // namespace marquee::proxy
