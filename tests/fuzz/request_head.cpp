// A request head reads the same whole and in pieces; what is accepted survives
// being written for the upstream and read there, and smuggles no line.
#include "heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  http::RequestHeadParser parser(small_limits);
  http::RequestHead head;
  if (!accepted_alike(in, parser, head) || http::judge(head) != http::Refusal::none) return 0;
  require_one_framing(head.fields);
  const std::string target = (head.path.front() == '?' ? "/" : "") + std::string(head.path);
  marquee::proxy::OutgoingRequest out;
  out.method = head.method_name;
  out.target = target;
  out.host = head.host;
  out.fields = &head.fields;
  out.body = head.body;
  if (head.upgrade) out.upgrade_to = head.upgrade_to;
  std::string sent(http::head_bound(out), '\0');
  sent.resize(http::compose(out, sent.data()));
  http::RequestHeadParser upstream;
  http::RequestHead got;
  require(upstream.parse(sent, got) == http::ParseState::done &&
          upstream.consumed() == sent.size());
  require_lines(sent, got.fields);
  require(http::judge(got) == http::Refusal::none);
  require(got.method_name == head.method_name && got.path == target && got.host == head.host);
  require(got.body.kind == head.body.kind && got.body.length == head.body.length);
  require(got.upgrade == head.upgrade && got.upgrade_to == head.upgrade_to);
  require_kept(head.fields, got.fields);
  return 0;
}
