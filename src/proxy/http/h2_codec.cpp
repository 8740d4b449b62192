#include "proxy/http/h2_codec.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/http/h2_fields.hpp"

namespace marquee::proxy::http {
namespace {

constexpr std::uint32_t unlimited_streams = 1u << 20;

std::string_view text(const std::uint8_t* p, std::size_t n) {
  return {reinterpret_cast<const char*>(p), n};
}

// One worker's thread packs one head at a time.
H2Fields& scratch() {
  thread_local H2Fields fields;
  return fields;
}

}  // namespace

// What nghttp2 tells. Nothing here calls nghttp2 but for what it allows there.
struct H2Callbacks {
  static H2Codec& codec(void* user) { return *static_cast<H2Codec*>(user); }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Codec& c = codec(user);
    c.block_ = nullptr;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      if (c.spare_.empty()) {
        c.streams_.push_back(std::make_unique<H2Codec::Stream>());
      } else {
        c.streams_.push_back(std::move(c.spare_.back()));
        c.spare_.pop_back();
      }
      H2Codec::Stream& s = *c.streams_.back();
      s.id = frame->hd.stream_id;
      nghttp2_session_set_stream_user_data(session, s.id, &s);
      c.block_ = &s.head;
    } else if (H2Codec::Stream* s = c.stream_of(frame->hd.stream_id)) {
      c.block_ = &s->tail;
    }
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    H2Codec& c = codec(user);
    if (!c.block_) return 0;
    c.block_->add(c.pool_, c.limits_.header_list, text(name, name_size), text(value, value_size));
    // One byte of HPACK may stand for 4 KiB: who goes on means harm.
    if (c.block_->list_size() <= 8u * c.limits_.header_list) return 0;
    c.list_flood_ = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* head, void* user) {
    if (head->type == NGHTTP2_SETTINGS)
      codec(user).queued_ = nghttp2_session_get_outbound_queue_size(session);
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Codec& c = codec(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA: {
        H2Codec::Stream* s = c.stream_of(frame->hd.stream_id);
        if (!s) return 0;
        if (ends) s->ended_in = true;
        if (frame->hd.type == NGHTTP2_HEADERS) {
          const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
          (request ? s->head_ends : s->tail_ends) = ends;
          (request ? s->head : s->tail).close(c.pool_);
          c.block_ = nullptr;
          c.note(request ? H2Codec::Kind::request : H2Codec::Kind::trailers, s);
        }
        if (ends) c.note(H2Codec::Kind::end, s);
        return 0;
      }
      case NGHTTP2_WINDOW_UPDATE:
        c.note(H2Codec::Kind::window,
               frame->hd.stream_id ? c.stream_of(frame->hd.stream_id) : nullptr);
        return 0;
      case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) return 0;
        c.note(H2Codec::Kind::window, nullptr);
        // More than the ACK is to be sent: nghttp2 resets the streams whose windows it
        // could not raise. That is an error of the connection (RFC 9113 6.9.2).
        if (nghttp2_session_get_outbound_queue_size(session) <= c.queued_ + 1) return 0;
        c.window_overflow_ = true;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK) c.note(H2Codec::Kind::ping_ack, nullptr);
        return 0;
      case NGHTTP2_GOAWAY:
        c.note(H2Codec::Kind::goaway, nullptr);
        return 0;
      case NGHTTP2_PRIORITY_UPDATE: {
        const auto* update = static_cast<const nghttp2_ext_priority_update*>(frame->ext.payload);
        if (update->stream_id == 0) c.violation_ = H2Error::protocol_error;  // RFC 9218 7.1
        // The value lives in nghttp2's buffer: only its urgency is kept.
        c.events_.push_back({H2Codec::Kind::priority, nullptr, nullptr,
                             urgency_of(text(update->field_value, update->field_value_len)),
                             update->stream_id});
        return 0;
      }
      default:
        return 0;
    }
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    H2Codec& c = codec(user);
    c.events_.push_back(
        {H2Codec::Kind::data, c.stream_of(id), reinterpret_cast<const char*>(data), size, id});
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user) {
    H2Codec& c = codec(user);
    auto* s = static_cast<H2Codec::Stream*>(nghttp2_session_get_stream_user_data(session, id));
    if (!s) return 0;
    s->closed = true;
    s->reset = code != NGHTTP2_NO_ERROR || !s->ended_in || !s->ended_out;
    if (c.block_ == &s->head || c.block_ == &s->tail) c.block_ = nullptr;
    c.note(H2Codec::Kind::closed, s);
    return 0;
  }

  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Codec& c = codec(user);
    const std::uint8_t type = frame->hd.type;
    if (type == NGHTTP2_RST_STREAM) {
      H2Codec::Stream* s = c.stream_of(frame->hd.stream_id);
      if (!s || !s->reset_asked) ++c.provoked_;
      if (s) s->reset_sent = true;
    } else if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
      if (H2Codec::Stream* s = c.stream_of(frame->hd.stream_id)) s->ended_out = true;
    } else if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
      // nghttp2's own judgement: SETTINGS of too many entries.
      c.settings_flood_ |= !c.terminated_ && frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM;
      c.over_ = true;
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length,
                           std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto& s = *static_cast<H2Codec::Stream*>(source->ptr);
    if (s.offered == 0) {
      if (!s.end_asked) return NGHTTP2_ERR_DEFERRED;
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      return 0;
    }
    const std::size_t used = codec(user).output_.size();
    if (used >= H2Output::full_size) return NGHTTP2_ERR_DEFERRED;
    const std::size_t n = std::min(length, s.offered);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == s.offered && s.offer_ends) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                       std::size_t length, nghttp2_data_source* source, void* user) {
    auto& s = *static_cast<H2Codec::Stream*>(source->ptr);
    H2Codec& c = codec(user);
    c.output_.append(head, 9);  // never padded: none is asked for
    c.output_.append(s.offer, length);
    s.offer += length;
    s.offered -= length;
    ++c.data_frames_;
    return 0;
  }

  static nghttp2_session_callbacks* all() {
    struct Free {
      void operator()(nghttp2_session_callbacks* c) const { nghttp2_session_callbacks_del(c); }
    };
    static const std::unique_ptr<nghttp2_session_callbacks, Free> made = [] {
      nghttp2_session_callbacks* c = nullptr;
      if (nghttp2_session_callbacks_new(&c) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(c, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
      nghttp2_session_callbacks_set_send_data_callback(c, send_data);
      return std::unique_ptr<nghttp2_session_callbacks, Free>(c);
    }();
    return made.get();
  }

  static nghttp2_option* options() {
    struct Free {
      void operator()(nghttp2_option* o) const { nghttp2_option_del(o); }
    };
    static const std::unique_ptr<nghttp2_option, Free> made = [] {
      nghttp2_option* o = nullptr;
      if (nghttp2_option_new(&o) != 0) throw std::bad_alloc();
      nghttp2_option_set_no_auto_window_update(o, 1);
      nghttp2_option_set_no_http_messaging(o, 1);
      nghttp2_option_set_no_closed_streams(o, 1);
      // Ours are H2FrameScan's and H2Budget's. nghttp2 counts a CONTINUATION again for
      // every piece that its header comes in.
      nghttp2_option_set_max_continuations(o, 1u << 20);
      nghttp2_option_set_stream_reset_rate_limit(o, 1u << 30, 1u << 30);
      nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
      return std::unique_ptr<nghttp2_option, Free>(o);
    }();
    return made.get();
  }
};

H2Codec::H2Codec(net::BufferPool& pool, const H2CodecLimits& limits)
    : pool_(pool), limits_(limits), output_(pool) {
  if (nghttp2_session_server_new2(&session_, H2Callbacks::all(), this, H2Callbacks::options()) !=
      0) {
    over_ = true;
    return;
  }
  const nghttp2_settings_entry settings[] = {
      // nghttp2 would end the connection for one stream too many; see announce().
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, unlimited_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_list},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0) {
    over_ = true;
    return;
  }
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
  announce();
}

H2Codec::~H2Codec() {
  // Streams tell of their end while the session is taken down.
  nghttp2_session_del(session_);
}

H2Codec::Stream* H2Codec::stream_of(std::int32_t id) const {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

// The first SETTINGS, with the number of streams that we take: beyond it a stream
// is refused (RFC 9113 5.1.2), which nghttp2 does only until the ACK has come.
void H2Codec::announce() {
  const std::uint8_t* data = nullptr;
  const ssize_t n = nghttp2_session_mem_send(session_, &data);
  // Its first entry's value stands behind the frame's header and its identifier.
  constexpr std::size_t value = 9 + 2;
  if (n < static_cast<ssize_t>(value + 4) || data[3] != NGHTTP2_SETTINGS) return fail();
  const std::uint8_t ours[4] = {static_cast<std::uint8_t>(limits_.streams >> 24),
                                static_cast<std::uint8_t>(limits_.streams >> 16),
                                static_cast<std::uint8_t>(limits_.streams >> 8),
                                static_cast<std::uint8_t>(limits_.streams)};
  output_.append(data, value);
  output_.append(ours, sizeof ours);
  output_.append(data + value + 4, static_cast<std::size_t>(n) - value - 4);
  pack();
}

void H2Codec::fail() { over_ = true; }

void H2Codec::receive(std::string_view bytes) {
  if (over_) return;
  const ssize_t n = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (n < 0) {
    // Fatal ones leave no GOAWAY of their own.
    settings_flood_ = n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_SETTINGS;
    if (window_overflow_) return terminate(H2Error::flow_control_error);
    const bool calm = n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS ||
                      n == NGHTTP2_ERR_TOO_MANY_SETTINGS || list_flood_;
    return terminate(calm ? H2Error::enhance_your_calm : H2Error::protocol_error);
  }
  if (violation_ != H2Error::no_error) return terminate(violation_);
  pack();
  if (!nghttp2_session_want_read(session_)) over_ = true;
}

void H2Codec::release(Stream& stream) {
  if (!stream.closed) nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
  const auto at = std::find_if(streams_.begin(), streams_.end(),
                               [&](const auto& s) { return s.get() == &stream; });
  stream.head.clear();
  stream.tail.clear();
  if (spare_.size() < 32) {
    stream = Stream();
    spare_.push_back(std::move(*at));
  }
  *at = std::move(streams_.back());
  streams_.pop_back();
}

void H2Codec::pack() {
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) return fail();
    if (n == 0) return;
    output_.append(data, static_cast<std::size_t>(n));
  }
}

void H2Codec::send_head(Stream& stream, const OutgoingResponse& head, bool ends) {
  if (stream.closed || over_) return;
  H2Fields& fields = scratch();
  fields.response(head);
  nghttp2_submit_headers(session_, ends ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, stream.id,
                         nullptr, fields.data(), fields.size(), nullptr);
  pack();
}

void H2Codec::submit_data(Stream& stream) {
  if (stream.data_submitted) {
    nghttp2_session_resume_data(session_, stream.id);
  } else {
    stream.data_submitted = true;
    nghttp2_data_provider provider{};
    provider.source.ptr = &stream;
    provider.read_callback = H2Callbacks::read_body;
    nghttp2_submit_data(session_, NGHTTP2_FLAG_END_STREAM, stream.id, &provider);
  }
  pack();
}

std::size_t H2Codec::send_body(Stream& stream, const char* data, std::size_t size, bool ends) {
  if (stream.closed || over_) return size;  // the owner hears of it; nothing is kept
  if (size == 0) return 0;
  stream.offer = data;
  stream.offered = size;
  stream.offer_ends = ends;
  submit_data(stream);
  const std::size_t taken = size - stream.offered;
  stream.offer = nullptr;
  stream.offered = 0;
  stream.offer_ends = false;
  return taken;
}

void H2Codec::send_end(Stream& stream) {
  if (stream.closed || stream.ended_out || over_) return;
  stream.end_asked = true;
  submit_data(stream);
}

void H2Codec::send_trailers(Stream& stream, const FieldTable& trailers) {
  if (stream.closed || stream.ended_out || over_) return;
  H2Fields& fields = scratch();
  fields.trailers(trailers);
  if (fields.size() == 0) return send_end(stream);
  nghttp2_submit_trailer(session_, stream.id, fields.data(), fields.size());
  pack();
}

void H2Codec::reset(Stream& stream, H2Error code) {
  if (stream.closed || over_) return;
  stream.reset_asked = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id,
                            static_cast<std::uint32_t>(code));
  pack();
}

void H2Codec::consumed(Stream& stream, std::size_t bytes) {
  if (stream.closed || stream.ended_in || over_) return;
  nghttp2_session_consume_stream(session_, stream.id, bytes);
}

void H2Codec::consumed(std::size_t bytes) {
  if (!over_) nghttp2_session_consume_connection(session_, bytes);
}

bool H2Codec::has_window(const Stream& stream) const {
  return !stream.closed && nghttp2_session_get_remote_window_size(session_) > 0 &&
         nghttp2_session_get_stream_remote_window_size(session_, stream.id) > 0;
}

void H2Codec::shutdown_notice() {
  if (over_) return;
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  pack();
}

void H2Codec::last_goaway() {
  if (over_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  pack();
}

void H2Codec::terminate(H2Error code) {
  if (!session_) return;
  terminated_ = true;
  nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
  pack();
  over_ = true;
}

}  // namespace marquee::proxy::http
