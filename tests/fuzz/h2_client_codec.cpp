// What an upstream sends over HTTP/2 is the same whole and in pieces; an answer's
// head that is accepted survives being written for an HTTP/1.1 client.
#include "proxy/http/h2_client_codec.hpp"

#include <algorithm>
#include <array>

#include "heads.hpp"

using marquee::net::BufferPool;
using marquee::proxy::H2ClientCodec;
using marquee::proxy::H2ClientEvent;
using marquee::proxy::H2ClientStream;

namespace {

void require_translated(http::ResponseHead& head, http::Method method) {
  require_one_framing(head.fields);
  marquee::proxy::OutgoingResponse out;
  out.status = head.status;
  out.fields = &head.fields;
  out.body = head.body;
  if (out.body.kind == http::BodyKind::until_close) out.body.kind = http::BodyKind::chunked;
  out.bodiless = head.body.kind == http::BodyKind::none;
  std::string sent(http::head_bound(out), '\0');
  sent.resize(http::compose(out, http::Persistence::keep, sent.data()));
  http::ResponseHeadParser client;
  http::ResponseHead got;
  require(client.parse(sent, got) == http::ParseState::done && client.consumed() == sent.size());
  require_lines(sent, got.fields);
  require(http::judge(got, {method, {}}) == http::Refusal::none && got.status == head.status);
  require(got.body.kind == out.body.kind && got.body.length == out.body.length);
  require_kept(head.fields, got.fields);
}

struct Run {
  BufferPool buffers;
  H2ClientCodec codec{buffers, {}};
  std::array<H2ClientStream, 4> streams;
  std::array<std::string, 4> told;
  std::array<bool, 4> answered{};

  explicit Run(unsigned choice) {
    marquee::proxy::OutgoingRequest request;
    request.method = choice & 1 ? "HEAD" : "GET";
    request.target = "/";
    request.host = "a.test";
    for (H2ClientStream& s : streams) {
      request.body.kind = &s == &streams[2] ? http::BodyKind::chunked : http::BodyKind::none;
      require(codec.submit(s, request, "http", small_limits.head));
    }
    method = http::method_of(request.method);
    codec.body(streams[2], "body");
    pull();
  }
  void pull() {
    std::array<char, 4096> into;
    while (codec.wants_pull() && codec.pull(into) > 0) {
    }
    tell();
  }
  void receive(std::string_view bytes, std::size_t piece) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      codec.receive(bytes.substr(0, piece), 0);
      tell();
    }
    pull();
  }
  void tell() {
    const auto& events = codec.events();
    for (std::size_t i = 0; i < events.size(); ++i) {
      const H2ClientEvent& e = events[i];
      const auto at = static_cast<std::size_t>(e.stream - streams.data());
      std::string& line = told.at(at);
      switch (e.kind) {
        case H2ClientEvent::fields:
          line += "\n" + on_fields(e, answered[at]);
          break;
        case H2ClientEvent::data:
          line += e.bytes;
          codec.consume_connection(e.bytes.size());
          codec.consume_stream(*e.stream, e.bytes.size());
          break;
        case H2ClientEvent::end:
          break;
        case H2ClientEvent::refused:
          line += "\nrefused " + std::string(http::name(e.refusal));
          break;
        case H2ClientEvent::closed:
          require(!e.stream->open());
          line += "\nclosed " + std::to_string(e.code);
          break;
      }
      if (e.ends || e.kind == H2ClientEvent::end) line += "\nend";
    }
    codec.clear_events();
  }
  std::string on_fields(const H2ClientEvent& e, bool& answered_already) {
    const auto fields = codec.fields_of(e);
    std::string text;
    for (const http::H2Field& f : fields) text.append(f.name).append("=").append(f.value) += ';';
    http::FieldTable trailers;
    if (answered_already) {
      const auto r = http::read_h2_trailers(fields, {0, 200, 8}, trailers);
      return text + std::string(http::name(r));
    }
    http::ResponseHead head;
    const auto r = http::read_h2_response(fields, small_limits, method, e.ends, head);
    if (r == http::Refusal::none) require_translated(head, method);
    answered_already = r == http::Refusal::none && head.status >= 200;
    return text + std::string(http::name(r));
  }
  http::Method method = http::Method::get;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  Run whole(in.choice);
  Run split(in.choice);
  whole.receive(in.bytes, in.bytes.size() + 1);
  split.receive(in.bytes, in.piece);
  // One that is given up may have been so at another byte.
  if (!whole.codec.lost() && !split.codec.lost()) require(whole.told == split.told);
  for (Run* run : {&whole, &split})
    for (H2ClientStream& s : run->streams) run->codec.reset(s, marquee::proxy::H2Code::cancel);
  require(whole.buffers.lent_bytes() == 0 && split.buffers.lent_bytes() == 0);
  return 0;
}
