#include <zstd.h>

#include "proxy/coding/codec_parts.hpp"

namespace marquee::proxy {
namespace {

constexpr int kWindow = 18;         // bits, of what is sent
constexpr int kLargestWindow = 23;  // of what comes: 8 MiB (RFC 9659)

class ZstdEncoder final : public Codec {
 public:
  ZstdEncoder(ZSTD_CCtx* context, unsigned level) : context_(context) {
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, static_cast<int>(level));
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindow);
  }
  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    ZSTD_inBuffer from{in, size, 0};
    ZSTD_outBuffer to{out, room, 0};
    const auto how = mode == Mode::more    ? ZSTD_e_continue
                     : mode == Mode::flush ? ZSTD_e_flush
                                           : ZSTD_e_end;
    const std::size_t left = ZSTD_compressStream2(context_.get(), &to, &from, how);
    const bool failed = ZSTD_isError(left) != 0;
    const bool done = mode == Mode::more ? from.pos == size : left == 0;
    return {from.pos, to.pos, !failed && done, failed};
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class ZstdDecoder final : public Codec {
 public:
  explicit ZstdDecoder(ZSTD_DCtx* context) : context_(context) {
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, kLargestWindow);
  }
  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    ZSTD_inBuffer from{in, size, 0};
    ZSTD_outBuffer to{out, room, 0};
    if (size != 0 || !frame_ended_) {
      const std::size_t left = ZSTD_decompressStream(context_.get(), &to, &from);
      if (ZSTD_isError(left)) return {from.pos, to.pos, false, true};
      frame_ended_ = left == 0;  // another frame may follow
    }
    const bool quiet = from.pos == size && to.pos < room;
    Step s{from.pos, to.pos, false, false};
    s.done = mode == Mode::end ? frame_ended_ && from.pos == size : quiet;
    s.failed = mode == Mode::end && quiet && !frame_ended_;
    return s;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool frame_ended_ = false;
};

}  // namespace

std::unique_ptr<Codec> make_zstd_encoder(unsigned level) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (!context) return nullptr;
  return std::make_unique<ZstdEncoder>(context, level);
}

std::unique_ptr<Codec> make_zstd_decoder() {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  if (!context) return nullptr;
  return std::make_unique<ZstdDecoder>(context);
}

}  // namespace marquee::proxy
