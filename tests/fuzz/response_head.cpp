// A response head reads the same whole and in pieces; what is accepted survives
// being written for the client and read there, and splits no answer.
#include "heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  const http::ResponseContext asked{in.choice & 1 ? http::Method::head : http::Method::get,
                                    in.choice & 2 ? "websocket" : ""};
  http::ResponseHeadParser parser(small_limits);
  http::ResponseHead head;
  if (!accepted_alike(in, parser, head) || http::judge(head, asked) != http::Refusal::none)
    return 0;
  require_one_framing(head.fields);
  marquee::proxy::OutgoingResponse out;
  out.status = head.status;
  out.reason = head.reason;
  out.fields = &head.fields;
  out.body = head.body;
  if (out.body.kind == http::BodyKind::until_close) out.body.kind = http::BodyKind::chunked;
  out.bodiless = head.body.kind == http::BodyKind::none;
  if (head.status == 101) out.upgrade_to = "websocket";
  std::string sent(http::head_bound(out), '\0');
  sent.resize(http::compose(out, http::Persistence::keep, sent.data()));
  http::ResponseHeadParser client;
  http::ResponseHead got;
  require(client.parse(sent, got) == http::ParseState::done && client.consumed() == sent.size());
  require_lines(sent, got.fields);
  require(http::judge(got, asked) == http::Refusal::none && got.status == head.status);
  require(got.reason == (head.reason.empty() ? http::reason_phrase(head.status) : head.reason));
  require(got.body.kind == out.body.kind && got.body.length == out.body.length);
  require_kept(head.fields, got.fields);
  return 0;
}
