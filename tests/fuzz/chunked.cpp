// A chunked body decodes the same whole and in pieces, with a receiver that
// takes less than it is offered; every byte is either framing or data.
#include <algorithm>
#include <string>

#include "input.hpp"
#include "proxy/http/body_decoder.hpp"

namespace http = marquee::proxy::http;
using Kind = http::BodyDecoder::Step::Kind;

struct Result {
  Kind kind = Kind::need_more;
  std::string data;
  std::size_t consumed = 0;
  http::Refusal refusal = http::Refusal::none;
  std::string trailers;
};

static Result decode(std::string_view bytes, std::size_t piece, std::size_t most) {
  http::BodyDecoder decoder;
  decoder.begin({http::BodyKind::chunked, 0}, {40, 80, 4});
  Result r;
  std::size_t have = 0;
  while (r.kind == Kind::need_more || r.kind == Kind::data) {
    const auto step = decoder.next(bytes.substr(r.consumed, have - r.consumed));
    r.kind = step.kind;
    if (r.kind == Kind::refused) break;
    r.consumed += step.skip;
    require(r.consumed <= have && (r.kind != Kind::need_more || r.consumed == have));
    if (r.kind == Kind::data) {
      require(!step.slice.empty() && step.slice.data() == bytes.data() + r.consumed);
      const std::string_view taken = step.slice.substr(0, most);
      r.data.append(taken);
      r.consumed += taken.size();
      decoder.took(taken.size());
    } else if (r.kind == Kind::need_more) {
      if (have == bytes.size()) break;
      have += std::min(piece, bytes.size() - have);
    }
  }
  r.refusal = decoder.refusal();
  require(decoder.ended() == (r.kind == Kind::end));
  for (const http::Field& f : decoder.trailers())
    r.trailers.append(f.name).append(":").append(f.value).append(f.dropped ? "-\n" : "\n");
  return r;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  const Result whole = decode(in.bytes, in.bytes.size(), in.bytes.size());
  const Result split = decode(in.bytes, in.piece, in.choice * 8 + 1);
  require(whole.kind == split.kind && whole.data == split.data);
  require(whole.refusal == split.refusal && whole.trailers == split.trailers);
  require(whole.kind == Kind::refused || whole.consumed == split.consumed);
  return 0;
}
