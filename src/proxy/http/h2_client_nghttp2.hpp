// What H2ClientCodec keeps of nghttp2. For its two source files only.
#pragma once
#include <nghttp2/nghttp2.h>

#include "proxy/http/h2_client_codec.hpp"

namespace marquee::proxy {

struct H2ClientCodec::Nghttp2 {
  explicit Nghttp2(H2ClientCodec& codec);
  ~Nghttp2() { nghttp2_session_del(session); }
  Nghttp2(const Nghttp2&) = delete;
  Nghttp2& operator=(const Nghttp2&) = delete;

  void add(std::string_view name, std::string_view value);
  nghttp2_data_provider provider() const {
    nghttp2_data_provider p{};
    p.read_callback = read_body;
    return p;
  }
  void resume(H2ClientStream& stream) {
    if (!stream.deferred_) return;
    stream.deferred_ = false;
    nghttp2_session_resume_data(session, stream.id_);
  }

  nghttp2_session* session = nullptr;
  std::vector<nghttp2_nv> out;  // of the head under way

 private:
  static H2ClientCodec& codec_of(void* user) { return *static_cast<H2ClientCodec*>(user); }
  static H2ClientStream* stream_of(nghttp2_session* s, std::int32_t id) {
    return static_cast<H2ClientStream*>(nghttp2_session_get_stream_user_data(s, id));
  }
  static void set_callbacks(nghttp2_session_callbacks* c);

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd*, void*);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void*);
  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                       const std::uint8_t*, std::size_t, std::uint8_t, void*);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t*, std::size_t,
                     void*);
  static int on_frame(nghttp2_session*, const nghttp2_frame*, void*);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame*, void*);
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void*);
  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t,
                           std::uint32_t*, nghttp2_data_source*, void*);
  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t*, std::size_t,
                       nghttp2_data_source*, void*);
};

}  // namespace marquee::proxy
