#include <zlib.h>

#include <algorithm>
#include <limits>

#include "proxy/coding/codec_parts.hpp"

namespace marquee::proxy {
namespace {

constexpr int kGzip = 16;  // added to the window's bits: a gzip header, not zlib's
constexpr int kWindow = 15;
constexpr int kMemory = 8;

// zlib does not write to its input, its interface of old does not say so.
void give(z_stream& z, const char* in, std::size_t size, char* out, std::size_t room) {
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in));
  z.avail_in = static_cast<uInt>(std::min(size, most));
  z.next_out = reinterpret_cast<Bytef*>(out);
  z.avail_out = static_cast<uInt>(std::min(room, most));
}

class GzipEncoder final : public Codec {
 public:
  explicit GzipEncoder(unsigned level)
      : ready_(deflateInit2(&z_, static_cast<int>(level), Z_DEFLATED, kWindow + kGzip, kMemory,
                            Z_DEFAULT_STRATEGY) == Z_OK) {}
  ~GzipEncoder() override {
    if (ready_) deflateEnd(&z_);
  }
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;
  bool ready() const { return ready_; }

  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    give(z_, in, size, out, room);
    const int how = mode == Mode::more ? Z_NO_FLUSH : mode == Mode::flush ? Z_SYNC_FLUSH : Z_FINISH;
    const int r = deflate(&z_, how);
    Step s{size - z_.avail_in, room - z_.avail_out, false, false};
    // Z_BUF_ERROR: there was nothing to do, which is no fault.
    s.failed = r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR;
    s.done = mode == Mode::end ? r == Z_STREAM_END : z_.avail_out != 0 && z_.avail_in == 0;
    return s;
  }

 private:
  z_stream z_{};
  bool ready_;
};

class GzipDecoder final : public Codec {
 public:
  GzipDecoder() : ready_(inflateInit2(&z_, kWindow + kGzip) == Z_OK) {}
  ~GzipDecoder() override {
    if (ready_) inflateEnd(&z_);
  }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;
  bool ready() const { return ready_; }

  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    // Another member may follow (RFC 1952 2.2).
    if (ended_ && size != 0) {
      ended_ = false;
      if (inflateReset(&z_) != Z_OK) return {0, 0, false, true};
    }
    give(z_, in, size, out, room);
    const int r = ended_ ? Z_STREAM_END : inflate(&z_, Z_SYNC_FLUSH);
    ended_ = r == Z_STREAM_END;
    Step s{size - z_.avail_in, room - z_.avail_out, false, false};
    s.failed = r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR;
    const bool quiet = z_.avail_out != 0 && z_.avail_in == 0;
    s.done = mode == Mode::end ? ended_ && z_.avail_in == 0 : quiet;
    s.failed = s.failed || (mode == Mode::end && quiet && !ended_);
    return s;
  }

 private:
  z_stream z_{};
  bool ready_;
  bool ended_ = false;
};

template <typename T>
std::unique_ptr<Codec> checked(std::unique_ptr<T> codec) {
  if (!codec->ready()) return nullptr;
  return codec;
}

}  // namespace

std::unique_ptr<Codec> make_gzip_encoder(unsigned level) {
  return checked(std::make_unique<GzipEncoder>(level));
}
std::unique_ptr<Codec> make_gzip_decoder() { return checked(std::make_unique<GzipDecoder>()); }

}  // namespace marquee::proxy
