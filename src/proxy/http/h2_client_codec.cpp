#include "proxy/http/h2_client_codec.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/http/h2_client_nghttp2.hpp"

namespace marquee::proxy {
namespace {

// A request's body bytes wait in one block; below this it is taken again.
constexpr std::size_t low_water = 32u << 10;

bool wants_trailers(const http::FieldTable* fields) {
  if (!fields) return false;
  for (const http::Field& f : *fields) {
    if (f.id != http::FieldId::te || f.twin) continue;
    const bool without = http::for_each_member(
        f.value, [](std::string_view m) { return !http::iequals(m, "trailers"); });
    if (!without) return true;
  }
  return false;
}

}  // namespace

void H2FrameBudget::pass(std::int64_t now_ms) {
  const std::int64_t gained = (now_ms - paid_ms_) * per_second / 1000;
  if (gained <= 0) return;
  earn(static_cast<std::uint32_t>(std::min<std::int64_t>(gained, most)));
  paid_ms_ = now_ms;
}

H2ClientCodec::H2ClientCodec(net::BufferPool& buffers, const Windows& windows)
    : buffers_(buffers), n_(std::make_unique<Nghttp2>(*this)) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, windows.stream},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, windows.header_list},
  };
  lost_ = !n_->session ||
          nghttp2_submit_settings(n_->session, NGHTTP2_FLAG_NONE, settings, 3) != 0 ||
          nghttp2_session_set_local_window_size(n_->session, NGHTTP2_FLAG_NONE, 0,
                                                static_cast<std::int32_t>(windows.connection)) != 0;
}

H2ClientCodec::~H2ClientCodec() = default;

// --- Requests --------------------------------------------------------------

// Pseudo-fields first; names become lower case in nghttp2's copy. What belongs
// to a connection was dropped when the head was judged, but for TE: trailers
// (RFC 9113 8.2.2), which gRPC insists on.
bool H2ClientCodec::submit(H2ClientStream& stream, const OutgoingRequest& request,
                           std::string_view scheme, std::uint32_t head_limit) {
  if (lost_ || going_away_) return false;
  auto& out = n_->out;
  out.clear();
  n_->add(":method", request.method);
  n_->add(":scheme", scheme);
  n_->add(":authority", request.host);
  n_->add(":path", request.target);
  if (request.fields)
    for (const http::Field& f : *request.fields)
      if (!f.dropped) n_->add(f.name, f.value);
  if (request.additions) {
    for (const FieldBlock* block : request.additions->blocks())
      for (const auto& [name, value] : block->fields()) n_->add(name, value);
    for (const AddedField& f : request.additions->fields()) n_->add(f.name, f.value);
  }
  if (wants_trailers(request.fields)) n_->add("te", "trailers");
  std::string length;
  if (request.body.kind == http::BodyKind::length) {
    length = std::to_string(request.body.length);
    n_->add("content-length", length);
  }
  const bool bodiless = request.body.kind == http::BodyKind::none;
  stream = H2ClientStream();
  stream.head_limit_ = head_limit;
  stream.ends_ = bodiless;
  nghttp2_data_provider body = n_->provider();
  const std::int32_t id = nghttp2_submit_request(n_->session, nullptr, out.data(), out.size(),
                                                 bodiless ? nullptr : &body, &stream);
  if (id <= 0) return false;
  stream.id_ = id;
  budget_.earn(H2FrameBudget::per_request);
  return true;
}

bool H2ClientCodec::has_room(const H2ClientStream& stream) const {
  return !stream.open() || stream.end_ - stream.begin_ <= low_water;
}

std::size_t H2ClientCodec::body(H2ClientStream& stream, std::string_view bytes) {
  if (!stream.open() || stream.ends_) return bytes.size();  // nobody reads it any more
  const std::size_t waiting = stream.end_ - stream.begin_;
  const std::size_t n = std::min(bytes.size(), net::bytes_of(net::BlockSize::large) - waiting);
  if (n == 0) return 0;
  if (stream.out_.size() - stream.end_ < n) {
    net::Block to = buffers_.acquire(net::smallest_block(waiting + n));
    if (to.size() > stream.out_.size()) {
      if (waiting) std::memcpy(to.data(), stream.out_.data() + stream.begin_, waiting);
      stream.out_ = std::move(to);
    } else {
      std::memmove(stream.out_.data(), stream.out_.data() + stream.begin_, waiting);
    }
    stream.begin_ = 0;
    stream.end_ = waiting;
  }
  std::memcpy(stream.out_.data() + stream.end_, bytes.data(), n);
  stream.end_ += n;
  n_->resume(stream);
  return n;
}

void H2ClientCodec::end(H2ClientStream& stream, const http::FieldTable* trailers) {
  if (!stream.open() || stream.ends_) return;
  stream.ends_ = true;
  if (trailers && std::any_of(trailers->begin(), trailers->end(),
                              [](const http::Field& f) { return !f.dropped; }))
    stream.trailers_ = trailers;
  n_->resume(stream);
}

void H2ClientCodec::reset(H2ClientStream& stream, H2Code code) {
  if (!stream.open()) return;
  nghttp2_session_set_stream_user_data(n_->session, stream.id_, nullptr);
  nghttp2_submit_rst_stream(n_->session, NGHTTP2_FLAG_NONE, stream.id_,
                            static_cast<std::uint32_t>(code));
  forget(stream);
}

void H2ClientCodec::forget(H2ClientStream& stream) {
  stream.id_ = 0;
  stream.out_.reset();
  stream.begin_ = stream.end_ = 0;
  stream.trailers_ = nullptr;
  std::erase(want_trailers_, &stream);
}

void H2ClientCodec::consume_stream(H2ClientStream& stream, std::size_t bytes) {
  if (stream.open() && bytes > 0) nghttp2_session_consume_stream(n_->session, stream.id_, bytes);
}

void H2ClientCodec::consume_connection(std::size_t bytes) {
  if (bytes > 0) nghttp2_session_consume_connection(n_->session, bytes);
}

void H2ClientCodec::ping() { nghttp2_submit_ping(n_->session, NGHTTP2_FLAG_NONE, nullptr); }

void H2ClientCodec::goodbye() { nghttp2_session_terminate_session(n_->session, NGHTTP2_NO_ERROR); }

// --- Bytes -----------------------------------------------------------------

void H2ClientCodec::receive(std::string_view bytes, std::int64_t now_ms) {
  if (lost_) return;
  budget_.pass(now_ms);
  const auto n = nghttp2_session_mem_recv(
      n_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (n < 0) lost_ = true;  // no preface of a server, or no memory
  if (!lost_) consume_connection(std::exchange(unclaimed_, 0));
  if (flooded_ && !lost_) nghttp2_session_terminate_session(n_->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

std::size_t H2ClientCodec::pull(std::span<char> into) {
  into_ = into;
  while (!lost_ || !held_.empty()) {
    const std::size_t n = std::min(held_.size(), into_.size());
    if (n > 0) {
      std::memcpy(into_.data(), held_.data(), n);
      into_ = into_.subspan(n);
      held_.remove_prefix(n);
    }
    if (!held_.empty() || lost_) break;
    const std::uint8_t* frame = nullptr;
    const auto size = nghttp2_session_mem_send(n_->session, &frame);
    if (size < 0) lost_ = true;
    if (size > 0) held_ = {reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)};
    if (size <= 0 && want_trailers_.empty()) break;
    if (size == 0) submit_trailers();
  }
  const std::size_t filled = into.size() - into_.size();
  into_ = {};
  return filled;
}

bool H2ClientCodec::wants_pull() const {
  return !held_.empty() || (!lost_ && nghttp2_session_want_write(n_->session) != 0);
}

// Behind their body's last byte: asked for while that was framed.
void H2ClientCodec::submit_trailers() {
  for (H2ClientStream* stream : want_trailers_) {
    n_->out.clear();
    for (const http::Field& f : *stream->trailers_)
      if (!f.dropped) n_->add(f.name, f.value);
    nghttp2_submit_trailer(n_->session, stream->id_, n_->out.data(), n_->out.size());
  }
  want_trailers_.clear();
}

// --- Events ----------------------------------------------------------------

void H2ClientCodec::note(const H2ClientEvent& event) {
  event.stream->last_event_ = events_.size();
  events_.push_back(event);
}

bool H2ClientCodec::is_last(std::size_t index) const {
  return events_[index].stream->last_event_ == index;
}

std::span<const http::H2Field> H2ClientCodec::fields_of(const H2ClientEvent& event) {
  views_.clear();
  const char* at = text_.data() + event.text;
  for (std::size_t i = 0; i < event.count; ++i) {
    const Piece& p = pieces_[event.first + i];
    views_.push_back({{at, p.name}, {at + p.name, p.value}});
    at += p.name + p.value;
  }
  return views_;
}

// What came of a block that is not complete yet stays.
void H2ClientCodec::clear_events() {
  events_.clear();
  const bool open = block_.count > 0;
  pieces_.erase(pieces_.begin(),
                open ? pieces_.begin() + static_cast<std::ptrdiff_t>(block_.first) : pieces_.end());
  text_.erase(0, open ? block_.text : text_.size());
  block_.text = block_.first = 0;
  if (text_.capacity() > (64u << 10)) text_.shrink_to_fit();
}

std::uint32_t H2ClientCodec::max_streams() const {
  if (!heard_settings_) return 100;
  return nghttp2_session_get_remote_settings(n_->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace marquee::proxy
