#include <brotli/decode.h>
#include <brotli/encode.h>

#include "proxy/coding/codec_parts.hpp"

namespace marquee::proxy {
namespace {

constexpr std::uint32_t kWindow = 18;  // bits, 256 KiB: of each answer under way

const std::uint8_t* bytes(const char* p) { return reinterpret_cast<const std::uint8_t*>(p); }
std::uint8_t* bytes(char* p) { return reinterpret_cast<std::uint8_t*>(p); }

class BrotliEncoder final : public Codec {
 public:
  BrotliEncoder(BrotliEncoderState* state, unsigned level) : state_(state) {
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, level);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, kWindow);
  }
  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    std::size_t left = size;
    std::size_t free = room;
    const std::uint8_t* from = bytes(in);
    std::uint8_t* to = bytes(out);
    const auto how = mode == Mode::more    ? BROTLI_OPERATION_PROCESS
                     : mode == Mode::flush ? BROTLI_OPERATION_FLUSH
                                           : BROTLI_OPERATION_FINISH;
    const bool good = BrotliEncoderCompressStream(state_.get(), how, &left, &from, &free, &to,
                                                  nullptr) == BROTLI_TRUE;
    Step s{size - left, room - free, false, !good};
    s.done = mode == Mode::end ? BrotliEncoderIsFinished(state_.get()) == BROTLI_TRUE
                               : left == 0 && !BrotliEncoderHasMoreOutput(state_.get());
    return s;
  }

 private:
  struct Free {
    void operator()(BrotliEncoderState* s) const { BrotliEncoderDestroyInstance(s); }
  };
  std::unique_ptr<BrotliEncoderState, Free> state_;
};

class BrotliDecoder final : public Codec {
 public:
  explicit BrotliDecoder(BrotliDecoderState* state) : state_(state) {}
  Step step(const char* in, std::size_t size, char* out, std::size_t room, Mode mode) override {
    std::size_t left = size;
    std::size_t free = room;
    const std::uint8_t* from = bytes(in);
    std::uint8_t* to = bytes(out);
    const BrotliDecoderResult r =
        BrotliDecoderDecompressStream(state_.get(), &left, &from, &free, &to, nullptr);
    const bool ended = r == BROTLI_DECODER_RESULT_SUCCESS;
    Step s{size - left, room - free, false, r == BROTLI_DECODER_RESULT_ERROR};
    const bool quiet = r == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
    s.done = mode == Mode::end ? ended && left == 0 : ended || quiet;
    // Cut short, or bytes behind the end.
    s.failed = s.failed || (mode == Mode::end && quiet) || (ended && left != 0);
    return s;
  }

 private:
  struct Free {
    void operator()(BrotliDecoderState* s) const { BrotliDecoderDestroyInstance(s); }
  };
  std::unique_ptr<BrotliDecoderState, Free> state_;
};

}  // namespace

std::unique_ptr<Codec> make_brotli_encoder(unsigned level) {
  BrotliEncoderState* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  if (!state) return nullptr;
  return std::make_unique<BrotliEncoder>(state, level);
}

std::unique_ptr<Codec> make_brotli_decoder() {
  BrotliDecoderState* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  if (!state) return nullptr;
  return std::make_unique<BrotliDecoder>(state);
}

}  // namespace marquee::proxy
