// The codec against frames written by hand, in any split.
#include "proxy/http/h2_client_codec.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "h2_frames.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

struct Peer {
  net::BufferPool buffers;
  H2ClientCodec codec{buffers, {}};
  std::string out;
  std::vector<std::string> told;  // one line per event
  H2ClientStream streams[8];

  void pull(std::size_t piece = 66560) {
    std::string into(piece, '\0');
    while (codec.wants_pull()) {
      const std::size_t n = codec.pull({into.data(), into.size()});
      if (n == 0) break;
      out.append(into, 0, n);
    }
    tell();
  }
  void receive(std::string_view bytes, std::size_t piece = 66560, std::int64_t now = 0) {
    for (std::size_t i = 0; i < bytes.size(); i += piece) {
      codec.receive(bytes.substr(i, piece), now);
      tell();
    }
  }
  void tell() {
    for (const H2ClientEvent& e : codec.events()) {
      std::string line = std::to_string(e.stream - streams) + " ";
      switch (e.kind) {
        case H2ClientEvent::fields:
          line += "fields";
          for (const auto& f : codec.fields_of(e))
            line += " " + std::string(f.name) + "=" + std::string(f.value);
          break;
        case H2ClientEvent::data:
          codec.consume_connection(e.bytes.size());
          codec.consume_stream(*e.stream, e.bytes.size());
          if (!told.empty() && told.back().starts_with(line + "data ")) {
            told.back() += e.bytes;
            line.clear();
          } else {
            line += "data " + std::string(e.bytes);
          }
          break;
        case H2ClientEvent::end:
          line += "end";
          break;
        case H2ClientEvent::refused:
          line += "refused " + std::string(http::name(e.refusal));
          break;
        case H2ClientEvent::closed:
          line += "closed " + std::to_string(e.code) + (e.beyond ? " beyond" : "");
          break;
      }
      const std::string end = line.substr(0, 2) + "end";
      if (!line.empty()) told.push_back(line);
      if (e.ends) told.push_back(std::to_string(e.stream - streams) + " end");
    }
    codec.clear_events();
  }
  bool submit(std::size_t i, http::BodyFraming body = {}, const http::FieldTable* fields = nullptr,
              std::string_view method = "GET") {
    OutgoingRequest r;
    r.method = method;
    r.target = "/p?q";
    r.host = "a.test";
    r.body = body;
    r.fields = fields;
    return codec.submit(streams[i], r, "http", 1024);
  }
  std::vector<H2Frame> frames() const { return frames_of(out); }
};

constexpr http::BodyFraming streamed{http::BodyKind::chunked, 0};

}  // namespace

TEST_CASE("preface, SETTINGS, a request without a body") {
  Peer p;
  CHECK(p.codec.max_streams() == 100);
  CHECK_FALSE(p.codec.heard_settings());
  REQUIRE(p.submit(0));
  CHECK_FALSE(p.streams[0].sent());
  p.pull();
  CHECK(p.streams[0].sent());
  CHECK(p.out.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  const auto frames = p.frames();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].type == h2_settings);
  CHECK(frames[1].type == h2_window);
  CHECK(frames[2].type == h2_headers);
  CHECK(frames[2].flags == (end_stream | end_headers));
  p.receive(server_preface(h2_setting(3, 7)));
  CHECK(p.codec.heard_settings());
  CHECK(p.codec.max_streams() == 7);
}

TEST_CASE("fields go in lower case, without what belongs to a connection, with TE: trailers") {
  Peer p;
  http::FieldTable fields;
  fields.push({"X-Upper", "1", http::FieldId::other});
  fields.push({"Connection", "te", http::FieldId::connection, false, true});
  fields.push({"TE", "deflate, trailers", http::FieldId::te, false, true});
  REQUIRE(p.submit(0, {}, &fields));
  p.pull();
  const std::string block = p.frames().back().payload;
  // Huffman hides the text: asked of the size, and of a second, plain codec below.
  CHECK(block.size() > 10);
  Peer q;
  http::FieldTable none;
  REQUIRE(q.submit(0, {}, &none));
  q.pull();
  CHECK(block.size() > q.frames().back().payload.size());
}

TEST_CASE("an answer in every split is the same answer") {
  const std::string bytes = server_preface() +
                            h2_frame(h2_headers, end_headers, 1, h2_field(":status", "103")) +
                            h2_frame(h2_headers, 0, 1, h2_ok + h2_field("x-a", "1")) +
                            h2_frame(h2_continuation, end_headers, 1, h2_field("x-b", "2")) +
                            h2_frame(h2_data, 0, 1, "hello ") +
                            h2_frame(h2_ping, 0, 0, "12345678") + h2_frame(h2_data, 0, 1, "world") +
                            h2_frame(h2_headers, end_headers | end_stream, 1, h2_field("x-t", "3"));
  const std::vector<std::string> wanted = {"0 fields :status=103",
                                           "0 fields :status=200 x-a=1 x-b=2",
                                           "0 data hello world",
                                           "0 fields x-t=3",
                                           "0 end",
                                           "0 closed 0"};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    Peer p;
    REQUIRE(p.submit(0));
    p.pull(piece < 20 ? piece : 66560);
    p.receive(bytes, piece);
    CAPTURE(piece);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      REQUIRE((i < p.told.size() ? p.told[i] : "") == wanted[i]);
    REQUIRE(p.told.size() == wanted.size());
    CHECK_FALSE(p.streams[0].open());
    p.pull();
    CHECK(count_of(p.frames(), h2_ping, 0) == 1);
  }
}

TEST_CASE("an end that comes apart from the last bytes") {
  Peer p;
  REQUIRE(p.submit(0));
  p.pull();
  p.receive(server_preface() + h2_frame(h2_headers, end_headers, 1, h2_ok));
  p.receive(h2_frame(h2_data, 0, 1, "x"));
  p.receive(h2_frame(h2_data, end_stream, 1));
  CHECK(p.told ==
        std::vector<std::string>{"0 fields :status=200", "0 data x", "0 end", "0 closed 0"});
}

TEST_CASE("body bytes wait for the peer's window, and the block is given back") {
  Peer p;
  p.receive("");
  REQUIRE(p.submit(0, streamed, nullptr, "POST"));
  p.pull();
  p.receive(server_preface());
  const std::string body(200'000, 'b');
  std::size_t given = p.codec.body(p.streams[0], body);
  CHECK(given == net::bytes_of(net::BlockSize::large));
  CHECK_FALSE(p.codec.has_room(p.streams[0]));
  p.pull();
  const auto sent = [&] {
    std::size_t n = 0;
    for (const H2Frame& f : p.frames()) n += f.type == h2_data ? f.payload.size() : 0;
    return n;
  };
  CHECK(sent() == 65535);  // the window
  CHECK(p.codec.has_room(p.streams[0]));
  given += p.codec.body(p.streams[0], std::string_view(body).substr(given));
  p.pull();
  CHECK(sent() == 65535);
  p.receive(h2_credit(0, 1 << 20) + h2_credit(1, 1 << 20));
  while (given < body.size()) {
    p.pull();
    given += p.codec.body(p.streams[0], std::string_view(body).substr(given));
  }
  p.codec.end(p.streams[0], nullptr);
  p.pull();
  CHECK(sent() == body.size());
  CHECK((p.frames().back().flags & end_stream) != 0);
  CHECK(p.buffers.lent_bytes() == 0);
}

TEST_CASE("trailers follow the body's last byte") {
  Peer p;
  http::FieldTable trailers;
  trailers.push({"X-Sum", "7", http::FieldId::other});
  trailers.push({"cookie", "no", http::FieldId::other, false, true});
  REQUIRE(p.submit(0, streamed, nullptr, "POST"));
  p.codec.body(p.streams[0], "abc");
  p.codec.end(p.streams[0], &trailers);
  p.pull();
  const auto frames = p.frames();
  REQUIRE(count_of(frames, h2_headers, 1) == 2);
  CHECK(frames.back().type == h2_headers);
  CHECK(frames.back().flags == (end_stream | end_headers));
  CHECK(frames[frames.size() - 2].payload == "abc");
}

TEST_CASE("requests that were not begun are told apart") {
  Peer p;
  for (std::size_t i = 0; i < 3; ++i) REQUIRE(p.submit(i));
  p.pull();
  p.receive(server_preface() + h2_reset(1, 7));
  CHECK(p.told.back() == "0 closed 7");
  p.receive(h2_bye(3));
  CHECK(p.codec.going_away());
  CHECK(p.told.back() == "2 closed 7 beyond");
  CHECK(p.streams[1].open());
  p.receive(h2_answer(3, "ok"));
  CHECK(p.told.back() == "1 closed 0");
  CHECK_FALSE(p.submit(4));
}

TEST_CASE("a stream that was given up says no more, and its credit goes back") {
  Peer p;
  REQUIRE(p.submit(0, streamed, nullptr, "POST"));
  p.codec.body(p.streams[0], "abc");
  p.pull();
  p.receive(server_preface());
  p.codec.body(p.streams[0], "more");
  p.codec.reset(p.streams[0], H2Code::cancel);
  CHECK(p.buffers.lent_bytes() == 0);
  const std::string data(16'000, 'x');
  std::string answer = h2_frame(h2_headers, end_headers, 1, h2_ok);
  for (int i = 0; i < 40; ++i) answer += h2_frame(h2_data, 0, 1, data);
  p.receive(answer);
  CHECK(p.told.empty());
  p.pull();
  CHECK(count_of(p.frames(), h2_rst, 1) == 1);
  CHECK(count_of(p.frames(), h2_window, 0) >= 2);  // at the start, and for what came
}

TEST_CASE("a head beyond its limit is refused as it comes, and HPACK goes on") {
  Peer p;
  REQUIRE(p.submit(0));
  REQUIRE(p.submit(1));
  p.pull();
  std::string block = h2_ok;
  for (int i = 0; i < 20; ++i) block += h2_field("x-a", std::string(100, 'y'));
  p.receive(server_preface() + h2_frame(h2_headers, end_headers | end_stream, 1, block));
  REQUIRE_FALSE(p.told.empty());
  CHECK(p.told.front() == "0 refused head_too_large");
  p.receive(h2_answer(3, "ok"));
  CHECK(p.told.back() == "1 closed 0");
}

TEST_CASE("frames that bring nothing are bounded, useful ones are not") {
  const struct {
    const char* name;
    std::string frame;
  } floods[] = {
      {"ping", h2_frame(h2_ping, 0, 0, "12345678")},
      {"settings", h2_frame(h2_settings, 0, 0)},
      {"settings ack", h2_frame(h2_window, 0, 0, u32(1))},
      {"priority", h2_frame(h2_priority, 0, 1, std::string(5, '\0'))},
      {"empty data", h2_frame(h2_data, 0, 1)},
      {"interim", h2_frame(h2_headers, end_headers, 1, h2_field(":status", "103"))},
      {"unknown", h2_frame(99, 0, 0, "x")},
      {"reset", h2_frame(h2_rst, 0, 3, u32(0))},
  };
  for (const auto& flood : floods) {
    CAPTURE(flood.name);
    Peer p;
    REQUIRE(p.submit(0));
    REQUIRE(p.submit(1));
    p.pull();
    p.receive(server_preface());
    if (std::string_view(flood.name) == "empty data")
      p.receive(h2_frame(h2_headers, end_headers, 1, h2_ok));
    std::size_t n = 0;
    for (; n < 3000 && !p.codec.lost(); ++n) {
      p.receive(flood.frame);
      p.out.clear();
      p.pull();
    }
    CHECK(n > 500);
    CHECK(n < 1500);
    const auto last = frames_of(p.out);
    REQUIRE_FALSE(last.empty());
    CHECK(last.back().type == h2_goaway);
    CHECK(last.back().payload.substr(4) == u32(11));
  }
  Peer p;
  REQUIRE(p.submit(0));
  p.pull();
  p.receive(server_preface() + h2_frame(h2_headers, end_headers, 1, h2_ok));
  for (int i = 0; i < 5000; ++i) p.receive(h2_frame(h2_data, 0, 1, "x"));
  for (int i = 0; i < 5000; ++i) {
    p.receive(h2_frame(h2_ping, 0, 0, "12345678"), 99, i * 20);
    p.pull();
  }
  CHECK_FALSE(p.codec.lost());
}

TEST_CASE("a peer that breaks the protocol is left with a GOAWAY") {
  const std::string faults[] = {
      "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
      server_preface() + h2_frame(h2_push, end_headers, 1, u32(2) + h2_ok),
      server_preface() + h2_frame(h2_data, 0, 5, "x"),
      server_preface() + h2_frame(h2_headers, end_headers, 1, "\xff\xff\xff\xff\xff\xff"),
      server_preface() + h2_frame(h2_continuation, end_headers, 1, h2_ok),
  };
  for (const std::string& fault : faults) {
    Peer p;
    REQUIRE(p.submit(0));
    p.pull();
    p.receive(fault);
    p.pull();
    CAPTURE(fault);
    CHECK(p.codec.lost());
    CHECK_FALSE(p.submit(1));
  }
}

TEST_CASE("goodbye is a GOAWAY without a fault") {
  Peer p;
  p.pull();
  p.receive(server_preface());
  p.codec.goodbye();
  p.pull();
  const H2Frame last = p.frames().back();
  CHECK(last.type == h2_goaway);
  CHECK(last.payload == u32(0) + u32(0));
}
