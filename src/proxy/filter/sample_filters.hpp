// The two smallest filters that show and prove the rules of the chain: one that
// changes nothing, and one that writes every byte twice.
#pragma once
#include <cstddef>
#include <vector>

#include "proxy/filter/response_filter.hpp"

namespace marquee::proxy {

class IdentityFilter final : public ResponseFilter {
 public:
  HeadVerdict on_head(ResponseHeadEdit&) override { return HeadVerdict::engage; }
  std::size_t on_body(const BodySlice& in, BodySink& out) override { return out.on_body(in); }
  void resume(BodySink&) override {}
};

class DoublingFilter final : public ResponseFilter {
 public:
  // `capacity` of the output buffer in bytes, at least 2.
  explicit DoublingFilter(std::size_t capacity) : buffer_(capacity < 2 ? 2 : capacity) {}
  // Doubles a known length; removes what names the old bytes (etag, digests, ranges).
  HeadVerdict on_head(ResponseHeadEdit& head) override;
  std::size_t on_body(const BodySlice& in, BodySink& out) override;
  void resume(BodySink& out) override { drain(out); }

 private:
  bool drain(BodySink& out);  // true: the buffer is empty

  std::vector<char> buffer_;
  std::size_t from_ = 0;  // bytes [from_, to_) wait for the sink
  std::size_t to_ = 0;
  bool flush_ = false;
  bool end_ = false;  // to be sent behind what waits
};

}  // namespace marquee::proxy
