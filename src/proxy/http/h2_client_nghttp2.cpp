// The callbacks: each notes what happened and returns.
#include "proxy/http/h2_client_nghttp2.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace marquee::proxy {
namespace {

// Of all heads that one read may unfold to: HPACK makes much of few bytes.
constexpr std::size_t most_text = 4u << 20;

std::string_view view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

H2ClientCodec::Nghttp2::Nghttp2(H2ClientCodec& codec) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
    set_callbacks(callbacks);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    // It would leave bad fields out; we refuse the answer (h2_response.hpp).
    nghttp2_option_set_no_http_messaging(option, 1);
    // It counts reads within their heads as well: eight frames that come by bytes.
    nghttp2_option_set_max_continuations(option, 8 * 9);
    // Frames of types that nobody knows: ignored, but counted (on_begin_frame).
    for (unsigned type = 10; type < 256; ++type)
      nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
    nghttp2_session_client_new2(&session, callbacks, &codec, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

void H2ClientCodec::Nghttp2::set_callbacks(nghttp2_session_callbacks* c) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(c, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
  nghttp2_session_callbacks_set_send_data_callback(c, send_data);
  nghttp2_session_callbacks_set_unpack_extension_callback(
      c, [](nghttp2_session*, void**, const nghttp2_frame_hd*, void*) -> int {
        return NGHTTP2_ERR_CANCEL;
      });
}

void H2ClientCodec::Nghttp2::add(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view s) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(s.data()));
  };
  out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

// --- What comes ------------------------------------------------------------

int H2ClientCodec::Nghttp2::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd*, void* user) {
  H2ClientCodec& codec = codec_of(user);
  codec.frame_paid_ = false;
  codec.flooded_ |= !codec.budget_.spend();
  return 0;
}

int H2ClientCodec::Nghttp2::on_begin_headers(nghttp2_session* s, const nghttp2_frame* frame,
                                             void* user) {
  H2ClientCodec& codec = codec_of(user);
  codec.block_ = {};
  codec.block_.kind = H2ClientEvent::fields;
  codec.block_.ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  codec.block_.stream = stream_of(s, frame->hd.stream_id);
  codec.block_.text = codec.text_.size();
  codec.block_.first = codec.pieces_.size();
  codec.block_size_ = 0;
  return 0;
}

int H2ClientCodec::Nghttp2::on_header(nghttp2_session*, const nghttp2_frame*,
                                      const std::uint8_t* name, std::size_t name_size,
                                      const std::uint8_t* value, std::size_t value_size,
                                      std::uint8_t, void* user) {
  H2ClientCodec& codec = codec_of(user);
  H2ClientEvent& block = codec.block_;
  if (!block.stream) return 0;
  codec.block_size_ += http::h2_field_size(name_size, value_size);
  if (codec.block_size_ > block.stream->head_limit_)
    block.refusal = http::Refusal::head_too_large;
  else if (block.count > http::FieldTable::capacity)
    block.refusal = http::Refusal::too_many_fields;
  if (block.refusal != http::Refusal::none) {
    // The rest of the block is still decoded, for what HPACK must remember of it.
    block.kind = H2ClientEvent::refused;
    codec.note(std::exchange(block, {}));
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  codec.flooded_ |= codec.text_.size() > most_text;
  if (codec.flooded_) return 0;
  codec.text_.append(view(name, name_size)).append(view(value, value_size));
  codec.pieces_.push_back(
      {static_cast<std::uint32_t>(name_size), static_cast<std::uint32_t>(value_size)});
  ++block.count;
  return 0;
}

int H2ClientCodec::Nghttp2::on_data(nghttp2_session* s, std::uint8_t, std::int32_t id,
                                    const std::uint8_t* data, std::size_t size, void* user) {
  H2ClientCodec& codec = codec_of(user);
  if (size > 0 && !codec.frame_paid_) {
    codec.frame_paid_ = true;
    codec.budget_.earn(1);
  }
  H2ClientEvent event;
  event.kind = H2ClientEvent::data;
  event.stream = stream_of(s, id);
  event.bytes = view(data, size);
  if (event.stream)
    codec.note(event);
  else
    codec.unclaimed_ += size;
  return 0;
}

int H2ClientCodec::Nghttp2::on_frame(nghttp2_session* s, const nghttp2_frame* frame, void* user) {
  H2ClientCodec& codec = codec_of(user);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (codec.block_.stream && !codec.flooded_) codec.note(codec.block_);
      codec.block_ = {};
      break;
    case NGHTTP2_DATA: {
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) break;
      H2ClientEvent event;
      event.stream = stream_of(s, frame->hd.stream_id);
      if (!event.stream) break;
      const std::size_t last = event.stream->last_event_;
      if (last < codec.events_.size() && codec.events_[last].stream == event.stream &&
          codec.events_[last].kind == H2ClientEvent::data)
        codec.events_[last].ends = true;
      else
        codec.note(event);
      break;
    }
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) codec.heard_settings_ = true;
      break;
    case NGHTTP2_GOAWAY:
      codec.going_away_ = true;
      codec.last_stream_ = std::min(codec.last_stream_, frame->goaway.last_stream_id);
      break;
    default:
      break;
  }
  return 0;
}

int H2ClientCodec::Nghttp2::on_close(nghttp2_session* s, std::int32_t id, std::uint32_t code,
                                     void* user) {
  H2ClientCodec& codec = codec_of(user);
  H2ClientEvent event;
  event.kind = H2ClientEvent::closed;
  event.stream = stream_of(s, id);
  event.code = code;
  // RFC 9113 6.8, 8.7: both say that nothing was done of it.
  event.beyond = codec.going_away_ && id > codec.last_stream_;
  if (!event.stream) return 0;
  codec.forget(*event.stream);
  codec.note(event);
  return 0;
}

// --- What goes -------------------------------------------------------------

int H2ClientCodec::Nghttp2::on_frame_sent(nghttp2_session* s, const nghttp2_frame* frame,
                                          void* user) {
  if (frame->hd.type == NGHTTP2_HEADERS) {
    if (H2ClientStream* stream = stream_of(s, frame->hd.stream_id)) stream->sent_ = true;
  } else if (frame->hd.type == NGHTTP2_GOAWAY) {
    // Behind it nothing is read any more.
    codec_of(user).lost_ |= frame->goaway.error_code != NGHTTP2_NO_ERROR;
  }
  return 0;
}

ssize_t H2ClientCodec::Nghttp2::read_body(nghttp2_session* s, std::int32_t id, std::uint8_t*,
                                          std::size_t most, std::uint32_t* flags,
                                          nghttp2_data_source*, void* user) {
  H2ClientStream* stream = stream_of(s, id);
  if (!stream) return NGHTTP2_ERR_DEFERRED;  // its reset is on the way
  const std::size_t waiting = stream->end_ - stream->begin_;
  if (waiting == 0 && !stream->ends_) {
    stream->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  const std::size_t n = std::min(waiting, most);
  if (n == waiting && stream->ends_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers_) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      codec_of(user).want_trailers_.push_back(stream);
    }
  }
  return static_cast<ssize_t>(n);
}

int H2ClientCodec::Nghttp2::send_data(nghttp2_session* s, nghttp2_frame* frame,
                                      const std::uint8_t* head, std::size_t size,
                                      nghttp2_data_source*, void* user) {
  constexpr std::size_t head_size = 9;
  H2ClientCodec& codec = codec_of(user);
  H2ClientStream* stream = stream_of(s, frame->hd.stream_id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (codec.into_.size() < head_size + size) return NGHTTP2_ERR_WOULDBLOCK;
  std::memcpy(codec.into_.data(), head, head_size);
  if (size > 0)
    std::memcpy(codec.into_.data() + head_size, stream->out_.data() + stream->begin_, size);
  codec.into_ = codec.into_.subspan(head_size + size);
  stream->begin_ += size;
  if (stream->begin_ == stream->end_) {
    stream->out_.reset();
    stream->begin_ = stream->end_ = 0;
  }
  codec.budget_.earn(H2FrameBudget::per_data_sent);
  return 0;
}

}  // namespace marquee::proxy
