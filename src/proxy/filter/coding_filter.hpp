// Runs a body through a codec: decoding what an upstream has encoded, or encoding for
// the client. Streams, flushes where the upstream does, and holds one buffer: a small
// body that would become a large one waits in its coded form.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "proxy/coding/codec.hpp"
#include "proxy/filter/response_filter.hpp"

namespace marquee::proxy {

class CodingFilter : public ResponseFilter {
 public:
  std::size_t on_body(const BodySlice& in, BodySink& out) final;
  void resume(BodySink& out) final;

 protected:
  explicit CodingFilter(std::unique_ptr<Codec> codec) : codec_(std::move(codec)) {}
  bool usable() const { return codec_ != nullptr; }

 private:
  bool drain(BodySink& out);
  bool finish(BodySink& out);
  void fail(BodySink& out);

  std::unique_ptr<Codec> codec_;
  std::array<char, 16384> buffer_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
  bool flush_ = false;  // asked for, not done yet
  bool end_ = false;
  Codec::Mode doing_ = Codec::Mode::more;
  bool done_ = false;  // the codec has done it: only its last bytes wait
  bool failed_ = false;
};

// First of a chain: the upstream has encoded although it was asked not to.
class DecodeFilter final : public CodingFilter {
 public:
  explicit DecodeFilter(Coding coding) : CodingFilter(make_decoder(coding)) {}
  HeadVerdict on_head(ResponseHeadEdit& head) override;
};

// Only says Vary, and leaves: another client might get the answer encoded.
class VaryFilter final : public ResponseFilter {
 public:
  explicit VaryFilter(std::string vary) : vary_(std::move(vary)) {}
  HeadVerdict on_head(ResponseHeadEdit& head) override {
    head.set("vary", vary_);
    return HeadVerdict::pass;
  }
  std::size_t on_body(const BodySlice& in, BodySink& out) override { return out.on_body(in); }
  void resume(BodySink&) override {}

 private:
  std::string vary_;
};

// Last of a chain. `vary`: the whole value, if it is to be set.
class EncodeFilter final : public CodingFilter {
 public:
  EncodeFilter(Coding coding, unsigned level, std::optional<std::string> vary)
      : CodingFilter(make_encoder(coding, level)), coding_(coding), vary_(std::move(vary)) {}
  HeadVerdict on_head(ResponseHeadEdit& head) override;
  static void edit(ResponseHeadEdit& head, Coding coding, const std::optional<std::string>& vary);

 private:
  Coding coding_;
  std::optional<std::string> vary_;
};

}  // namespace marquee::proxy
