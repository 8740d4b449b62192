#include "proxy/h2_stream.hpp"

#include <cstring>
#include <utility>

#include "base/uuid.hpp"
#include "proxy/exchange.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/h2_session.hpp"
#include "proxy/http/websocket_key.hpp"

namespace marquee::proxy {

void HeldBytes::append(net::BufferPool& pool, std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().end == pieces_.back().block.size())
      pieces_.push_back({pool.acquire(net::smallest_block(bytes.size())), 0, 0});
    Piece& p = pieces_.back();
    const std::size_t n = std::min(bytes.size(), p.block.size() - p.end);
    std::memcpy(p.block.data() + p.end, bytes.data(), n);
    p.end += n;
    bytes.remove_prefix(n);
  }
}

void HeldBytes::took(std::size_t bytes) {
  if (bytes == 0) return;
  Piece& p = pieces_.front();
  p.begin += bytes;
  size_ -= bytes;
  if (p.begin == p.end) pieces_.erase(pieces_.begin());
}

void HeldBytes::clear() {
  pieces_.clear();
  size_ = 0;
}

H2Stream::H2Stream(H2Session& session, http::H2Codec::Stream& stream)
    : session_(session), stream_(&stream), id_(stream.id) {}

H2Stream::~H2Stream() {
  if (exchange_) session_.exchanges().release(*exchange_);
}

// --- The request -----------------------------------------------------------

void H2Stream::begin() {
  exchange_ = &session_.exchanges().acquire();
  session_.stream_active(true);
  exchange_->begin(*this, session_.facts());
  http::RequestHead& head = exchange_->request();
  const config::Limits& limits = exchange_->limits();
  const bool ends = stream_->head_ends;
  const http::Refusal r =
      http::read_h2_request(stream_->head, ends, {limits.fields, limits.target}, head);
  if (r != http::Refusal::none) {
    if (http::is_malformed(r)) return malformed(r);
    return exchange_->refuse(r);
  }
  announced_ = head.body;
  has_body_ = head.body.kind != http::BodyKind::none;
  end_told_ = !has_body_ && !head.upgrade;
  for (const http::Field& f : head.fields)
    if (f.id == http::FieldId::other && f.name == "priority") urgency = http::urgency_of(f.value);
  if (head.upgrade) make_websocket_key();
  exchange_->on_request_head();
}

// RFC 8441 5: the key and its proof are HTTP/1.1's; this client has none.
void H2Stream::make_websocket_key() {
  http::RequestHead& head = exchange_->request();
  for (http::Field& f : head.fields)
    if (f.name == "sec-websocket-key") f.dropped = true;
  base::Random& random = session_.services().random;
  const std::uint64_t a = random.next();
  const std::uint64_t b = random.next();
  http::make_websocket_key(a, b, websocket_key_);
  head.websocket_key = {websocket_key_.data(), websocket_key_.size()};
  if (!head.fields.full()) head.fields.push({"sec-websocket-key", head.websocket_key});
}

void H2Stream::on_data(std::string_view bytes) {
  received_ += bytes.size();
  if (announced_.kind == http::BodyKind::length && received_ > announced_.length && running())
    return malformed(http::Refusal::length_mismatch);
  // A head with a length of 0 was a whole request; nothing may follow but its end.
  if (end_told_ && !bytes.empty() && running()) return malformed(http::Refusal::length_mismatch);
  if (!running()) return;
  if (delivering_ || paused_ || !has_body_ || !held_.empty()) {
    held_.append(session_.turn().buffers(), bytes);
    session_.held(static_cast<std::ptrdiff_t>(bytes.size()));
    return;
  }
  const BodySlice slice{bytes.data(), bytes.size(), 0, false, false};
  const std::size_t taken = exchange_->on_request_body(slice);
  if (stream_) session_.codec().consumed(*stream_, taken);
  if (taken == bytes.size()) return session_.note_batch(*this);
  paused_ = true;
  if (!running()) return;
  held_.append(session_.turn().buffers(), bytes.substr(taken));
  session_.held(static_cast<std::ptrdiff_t>(bytes.size() - taken));
}

void H2Stream::on_batch_end() {
  if (running() && has_body_ && !end_told_ && !paused_ && held_.empty())
    exchange_->on_request_body({nullptr, 0, 0, true, false});
}

void H2Stream::on_trailers() {
  if (!running()) return;
  // RFC 9113 8.1: a field block behind the head ends the stream.
  if (!stream_->tail_ends || tunnel_) return malformed(http::Refusal::bad_pseudo_fields);
  trailer_table_ = std::make_unique<http::FieldTable>();
  const http::Refusal r =
      http::read_h2_trailers(stream_->tail, exchange_->limits().fields, *trailer_table_);
  if (http::is_malformed(r)) return malformed(r);
  if (r != http::Refusal::none) return exchange_->refuse(r);
  if (trailer_table_->size() > 0) trailers_ = trailer_table_.get();
}

void H2Stream::on_end() {
  end_seen_ = true;
  if (!running()) return;
  if (announced_.kind == http::BodyKind::length && received_ != announced_.length)
    return malformed(http::Refusal::length_mismatch);
  if (held_.empty() && !delivering_ && (has_body_ || end_told_)) tell_end();
}

void H2Stream::tell_end() {
  if (std::exchange(end_told_, true)) return;
  exchange_->on_request_end(trailers_);
}

// What waits goes to the exchange as far as it takes it.
void H2Stream::deliver() {
  if (delivering_ || !has_body_) return;
  delivering_ = true;
  while (!paused_ && running() && !held_.empty()) {
    const std::string_view bytes = held_.front();
    const std::size_t taken =
        exchange_->on_request_body({bytes.data(), bytes.size(), 0, true, false});
    held_.took(taken);
    session_.held(-static_cast<std::ptrdiff_t>(taken));
    if (stream_) session_.codec().consumed(*stream_, taken);
    if (taken < bytes.size()) paused_ = true;
  }
  delivering_ = false;
  if (running() && held_.empty() && !paused_ && end_seen_) tell_end();
}

void H2Stream::drop_held() {
  session_.held(-static_cast<std::ptrdiff_t>(held_.size()));
  held_.clear();
}

void H2Stream::malformed(http::Refusal refusal) {
  const std::uint32_t cost = reached_upstream() ? 2 : 1;
  exchange_->break_off(refusal);
  session_.clients_fault(cost);
}

// --- What the exchange asks ------------------------------------------------

void H2Stream::send_interim(const OutgoingResponse& head) {
  if (!stream_ || head.status == 101) return;
  session_.codec().send_head(*stream_, head, false);
  session_.wake();
}

void H2Stream::send_head(const OutgoingResponse& head) {
  answer_ = head.bodiless ? http::BodyFraming{} : head.body;
  answer_left_ = answer_.length;
  const bool empty = answer_.kind == http::BodyKind::length && answer_.length == 0;
  head_ended_ = head.status != 101 && (head.bodiless || empty);
  if (!stream_) return;
  session_.codec().send_head(*stream_, head, head_ended_);
  session_.wake();
}

std::size_t H2Stream::send_body(const BodySlice& slice) {
  if (!stream_ || head_ended_) return slice.size;
  std::string_view left(slice.data, slice.size);
  if (answer_.kind == http::BodyKind::length && !tunnel_) left = left.substr(0, answer_left_);
  const std::size_t size = left.size();
  http::H2Codec& codec = session_.codec();
  while (!left.empty()) {
    // Behind the last byte of a length come no trailers where `end` is said.
    const bool ends = slice.end && answer_.kind == http::BodyKind::length &&
                      answer_left_ == left.size() && !tunnel_;
    const std::size_t n = codec.send_body(*stream_, left.data(), left.size(), ends);
    left.remove_prefix(n);
    if (answer_.kind == http::BodyKind::length) answer_left_ -= n;
    if (left.empty() || !codec.output().full() || !session_.flush_now()) break;
  }
  session_.wake();
  blocked_ = !left.empty();
  return left.empty() ? slice.size : size - left.size();
}

void H2Stream::send_end(const http::FieldTable* trailers) {
  if (!stream_ || head_ended_) return;
  if (trailers && !tunnel_)
    session_.codec().send_trailers(*stream_, *trailers);
  else
    session_.codec().send_end(*stream_);
  session_.wake();
}

void H2Stream::flush() { session_.wake(); }

void H2Stream::start_tunnel() {
  tunnel_ = has_body_ = true;
  end_told_ = false;
  announced_ = {};
  answer_ = {http::BodyKind::until_close, 0};
}

void H2Stream::resume_request() {
  paused_ = false;
  session_.put_off(*this);
}

// The outcome says who is to blame.
void H2Stream::abort() {
  const Outcome& o = exchange_->outcome();
  if (o.cause == RefusalCause::protocol)
    code_ = http::H2Error::protocol_error;
  else if (o.loss != ClientLoss::none || o.tunnel)
    code_ = http::H2Error::cancel;
  aborted_ = true;
  session_.put_off(*this);
}

void H2Stream::finished() {
  finished_ = true;
  session_.put_off(*this);
}

// --- Its end ---------------------------------------------------------------

void H2Stream::on_room() {
  if (!blocked_ || !running()) return;
  blocked_ = false;
  exchange_->on_client_writable();
}

bool H2Stream::reached_upstream() const { return exchange_ && exchange_->upstream_asked(); }

void H2Stream::on_closed() {
  stream_ = nullptr;
  if (running()) exchange_->on_client_lost(ClientLoss::reset);
  session_.put_off(*this);
}

void H2Stream::on_lost(ClientLoss how) {
  if (running()) exchange_->on_client_lost(how);
}

bool H2Stream::settle() {
  if (exchange_ && !finished_ && !aborted_) {
    deliver();
    if (!finished_ && !aborted_) return true;
  }
  if (exchange_) {
    session_.exchanges().release(*exchange_);
    exchange_ = nullptr;
    trailers_ = nullptr;
    drop_held();
    session_.stream_active(false);
    if (stream_ && aborted_) session_.codec().reset(*stream_, code_);
  }
  if (!stream_) return false;
  // A whole answer to a request that nobody reads on (RFC 9113 8.1).
  if (stream_->ended_out && !stream_->ended_in)
    session_.codec().reset(*stream_, http::H2Error::no_error);
  return true;
}

}  // namespace marquee::proxy
