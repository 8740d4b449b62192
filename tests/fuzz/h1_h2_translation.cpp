// A head means the same in both protocols. A request that HTTP/1.1 accepts goes
// through our own two codecs, client's and server's, and is the same head again;
// so is an answer on its way back; and both survive being written as HTTP/1.1.
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/hostname.hpp"
#include "heads.hpp"
#include "proxy/http/h2_client_codec.hpp"
#include "proxy/http/h2_codec.hpp"
#include "proxy/http/h2_request_head.hpp"
#include "proxy/http/h2_response.hpp"

namespace net = marquee::net;
using http::BodyKind;
using http::Refusal;
using marquee::proxy::H2ClientCodec;
using marquee::proxy::H2ClientEvent;
using marquee::proxy::H2ClientStream;
using marquee::proxy::OutgoingRequest;
using marquee::proxy::OutgoingResponse;
using Fields = std::vector<std::pair<std::string, std::string>>;

namespace {

// Our client and our server on one wire.
struct Wire {
  net::BufferPool buffers;
  H2ClientCodec client{buffers, {}};
  http::H2Codec server{buffers, {}};
  H2ClientStream stream;
  http::H2Codec::Stream* asked = nullptr;

  void request(const OutgoingRequest& out) {
    require(client.submit(stream, out, "http", 16u << 10));
    std::array<char, 16384> bytes;
    while (client.wants_pull()) {
      const std::size_t n = client.pull(bytes);
      if (n == 0) break;
      server.receive({bytes.data(), n});
      require(!server.over());
    }
    for (const http::H2Codec::Event& e : server.events()) {
      if (e.kind == http::H2Codec::Kind::request) asked = e.stream;
      require(e.kind != http::H2Codec::Kind::closed);
    }
    server.events().clear();
    require(asked != nullptr);
  }
  // The one event of the client's with a field block.
  H2ClientEvent answer(const OutgoingResponse& out, bool ends) {
    server.send_head(*asked, out, ends);
    std::string bytes;
    while (server.output().size() > 0) {
      std::array<iovec, 4> parts;
      const std::size_t n = server.output().parts(parts);
      std::size_t size = 0;
      for (std::size_t i = 0; i < n; ++i) {
        bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
        size += parts[i].iov_len;
      }
      server.output().consume(size);
    }
    client.receive(bytes, 0);
    require(!client.lost());
    for (const H2ClientEvent& e : client.events()) {
      require(e.kind == H2ClientEvent::fields || e.kind == H2ClientEvent::refused ||
              e.kind == H2ClientEvent::closed);
      if (e.kind != H2ClientEvent::closed) return e;
    }
    std::abort();
  }
};

std::string lower(std::string_view name) {
  std::string s(name);
  for (char& c : s)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return s;
}

// What travels; `crumbs` joined as a server must (RFC 9113 8.2.3).
Fields kept(const http::FieldTable& table, bool crumbs) {
  Fields all;
  std::string* cookie = nullptr;
  all.reserve(table.size());
  for (const http::Field& f : table) {
    if (f.dropped) continue;
    const std::string name = lower(f.name);
    if (crumbs && name == "cookie" && cookie) {
      if (!f.value.empty()) cookie->append(cookie->empty() ? "" : "; ").append(f.value);
      continue;
    }
    all.emplace_back(name, f.value);
    if (crumbs && name == "cookie") cookie = &all.back().second;
  }
  return all;
}

OutgoingRequest outgoing(const http::RequestHead& head, std::string_view target) {
  OutgoingRequest out;
  out.method = head.method_name;
  out.target = target;
  out.host = head.host;
  out.fields = &head.fields;
  out.body = head.body;
  return out;
}

void require_same(const http::RequestHead& a, std::string_view target, const http::RequestHead& b) {
  require(a.method == b.method && a.method_name == b.method_name);
  require(b.path == target && a.host == b.host);
  require(a.body.kind == b.body.kind && a.body.length == b.body.length);
  require(!b.upgrade);
  require(kept(a.fields, true) == kept(b.fields, true));
}

void translate_request(const Input& in) {
  http::RequestHeadParser parser(small_limits);
  const auto head = std::make_unique<http::RequestHead>();
  if (in.bytes.empty() || parser.parse(in.bytes, *head) != http::ParseState::done ||
      http::judge(*head) != Refusal::none)
    return;
  // What no exchange would send: an authority without meaning, a tunnel.
  char host[marquee::base::kMaxHostname + 1];
  if (!marquee::base::normalise_into(head->host, host) || head->upgrade) return;
  const std::string target = (head->path.front() == '?' ? "/" : "") + std::string(head->path);

  Wire wire;
  wire.request(outgoing(*head, target));
  const auto got = std::make_unique<http::RequestHead>();
  require(http::read_h2_request(wire.asked->head, wire.asked->head_ends, {}, *got) ==
          Refusal::none);
  require(wire.asked->head_ends == (head->body.kind == BodyKind::none));
  require(got->h2 && (got->form == http::TargetForm::asterisk) == (target == "*"));
  require_same(*head, target, *got);
  // RFC 9110 10.1.4: the one word of TE that HTTP/2 has is said on, by us.
  bool asks = false;
  for (const http::Field& f : got->fields) asks |= !f.twin && f.id == http::FieldId::te;
  bool asked = false;
  for (const http::Field& f : head->fields)
    if (f.id == http::FieldId::te && !f.twin)
      http::for_each_member(f.value, [&](std::string_view m) {
        asked |= http::iequals(m, "trailers");
        return true;
      });
  require(asks == asked);

  const OutgoingRequest out = outgoing(*got, got->path);
  std::string sent(http::head_bound(out), '\0');
  sent.resize(http::compose(out, sent.data()));
  http::RequestHeadParser upstream;
  const auto again = std::make_unique<http::RequestHead>();
  require(upstream.parse(sent, *again) == http::ParseState::done &&
          upstream.consumed() == sent.size());
  require_lines(sent, again->fields);
  require(http::judge(*again) == Refusal::none);
  require_same(*got, got->path, *again);
  wire.client.reset(wire.stream, marquee::proxy::H2Code::cancel);
}

// Of an answer that is to have a body, how long it is may be unsaid.
BodyKind unsaid(BodyKind kind) { return kind == BodyKind::chunked ? BodyKind::until_close : kind; }

void translate_answer(const Input& in) {
  const http::Method method = in.choice & 2 ? http::Method::head : http::Method::get;
  http::ResponseHeadParser parser(small_limits);
  const auto head = std::make_unique<http::ResponseHead>();
  if (in.bytes.empty() || parser.parse(in.bytes, *head) != http::ParseState::done ||
      http::judge(*head, {method, {}}) != Refusal::none)
    return;
  if (head->status == 100) return;  // ends with us

  Wire wire;
  OutgoingRequest ask;
  ask.method = method == http::Method::head ? "HEAD" : "GET";
  ask.target = "/";
  ask.host = "a.test";
  wire.request(ask);
  OutgoingResponse out;
  out.status = head->status;
  out.reason = head->reason;
  out.fields = &head->fields;
  out.body = head->body;
  out.bodiless = head->body.kind == BodyKind::none;
  const bool empty = out.body.kind == BodyKind::length && out.body.length == 0;
  const H2ClientEvent event = wire.answer(out, head->status >= 200 && (out.bodiless || empty));
  require(event.kind == H2ClientEvent::fields);
  const auto got = std::make_unique<http::ResponseHead>();
  require(http::read_h2_response(wire.client.fields_of(event), {}, method, event.ends, *got) ==
          Refusal::none);
  require(got->status == head->status);
  require(got->body.kind == unsaid(head->body.kind) && got->body.length == head->body.length);
  require(kept(head->fields, false) == kept(got->fields, false));

  OutgoingResponse back = out;
  back.reason = {};
  back.fields = &got->fields;
  back.body = got->body;
  if (back.body.kind == BodyKind::until_close) back.body.kind = BodyKind::chunked;
  std::string sent(http::head_bound(back), '\0');
  sent.resize(http::compose(back, http::Persistence::keep, sent.data()));
  http::ResponseHeadParser client;
  const auto again = std::make_unique<http::ResponseHead>();
  require(client.parse(sent, *again) == http::ParseState::done && client.consumed() == sent.size());
  require_lines(sent, again->fields);
  require(http::judge(*again, {method, {}}) == Refusal::none);
  require(again->status == head->status && again->body.kind == back.body.kind &&
          again->body.length == back.body.length);
  require(kept(again->fields, false) == kept(got->fields, false));
  wire.client.clear_events();
  wire.client.reset(wire.stream, marquee::proxy::H2Code::cancel);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  in.choice & 1 ? translate_answer(in) : translate_request(in);
  return 0;
}
