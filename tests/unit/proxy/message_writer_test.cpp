// Messages written to a stream that takes none, one or some bytes at a time: what
// arrives is what a stream that takes everything gets.
#include "proxy/message_writer.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "scripted_stream.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;
using http::BodyKind;

namespace {

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// A producer by the rules of ends.hpp: what is not taken is offered again, with
// what has come since, when the writer has told of room.
struct Producer {
  explicit Producer(std::uint32_t seed) : random(seed), stream(wire) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random()) % n; }

  // The stream has room for `grant` more, told as a driver does.
  bool tell_of_room(std::size_t grant) {
    wire.grant = grant;
    stream.on_readiness(false, true);
    return writer.full(stream) && writer.on_writable(stream);
  }
  void until_room() {
    for (int i = 0; writer.full(stream) && i < 100'000; ++i) tell_of_room(below(3) ? below(20) : 0);
    REQUIRE_FALSE(writer.full(stream));
  }

  // One message; `headroom` in front of every slice.
  void send(const std::string& head, http::BodyFraming framing, const std::string& body,
            std::size_t headroom, const http::FieldTable* trailers) {
    writer.begin(head, framing, below(2) == 0);
    std::size_t come = 0, sent = 0;
    if (body.empty() && below(2)) writer.flush(stream);
    while (sent < body.size()) {
      come = std::min(body.size(), std::max(come, sent + 1) + below(30));
      std::string memory(headroom, '#');
      memory.append(body, sent, come - sent);
      BodySlice slice{memory.data() + headroom, come - sent,         headroom,
                      come == body.size(),      come == body.size(), !trailers};
      const std::size_t n = writer.body(stream, slice);
      CHECK_FALSE(writer.head_waits());
      CHECK(memory.compare(headroom, come - sent, body, sent, come - sent) == 0);
      const std::size_t untouched = headroom >= head.size() ? headroom - head.size() : headroom;
      CHECK(memory.compare(0, untouched, std::string(untouched, '#')) == 0);
      REQUIRE(n <= come - sent);
      if (n < come - sent) {
        CHECK(writer.full(stream));
        sent += n;
        until_room();
      } else {
        sent += n;
      }
    }
    writer.end(stream, trailers);
    CHECK_FALSE(writer.head_waits());
    CHECK(writer.length_met());
  }

  std::mt19937 random;
  Fault fault;
  Wire wire{fault};
  ScriptedStream stream;
  MessageWriter writer;
};

std::string text(std::size_t n) {
  std::string s(n, '\0');
  for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>('A' + i % 26);
  return s;
}

void check_all_rooms(const std::string& head, http::BodyFraming framing, const std::string& body,
                     const std::string& expected, const http::FieldTable* trailers = nullptr) {
  for (std::uint32_t seed = 0; seed < 120; ++seed)
    for (const std::size_t headroom :
         {std::size_t{0}, head.size() - 1, head.size(), head.size() + 100}) {
      CAPTURE(seed);
      CAPTURE(headroom);
      Producer p(seed);
      p.wire.room = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 1 : p.below(head.size() + body.size() + 20);
      p.send(head, framing, body, headroom, trailers);
      p.until_room();
      CHECK(p.writer.drained(p.stream));
      CHECK(wire_text(p.wire.out) == expected);
      CHECK(p.writer.written() == p.wire.out.size());
    }
}

}  // namespace

TEST_CASE("bodies with a length, whatever the stream takes") {
  for (const std::size_t n : {0u, 1u, 17u, 300u}) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(n) + "\r\n\r\n";
    check_all_rooms(head, {BodyKind::length, n}, text(n), head + text(n));
  }
}

TEST_CASE("bodies up to the end, whatever the stream takes") {
  const std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  check_all_rooms(head, {BodyKind::until_close, 0}, text(200), head + text(200));
}

TEST_CASE("chunked bodies, whatever the stream takes") {
  auto trailers = std::make_unique<http::FieldTable>();
  trailers->push({"X-Sum", "9"});
  trailers->push({"X-Gone", "9", http::FieldId::other, false, true});
  for (const std::size_t n : {0u, 1u, 17u, 300u}) {
    check_all_rooms(chunked_head, {BodyKind::chunked, 0}, text(n),
                    chunked_head + "<chunked>" + text(n) + "<end>\r\n");
    check_all_rooms(chunked_head, {BodyKind::chunked, 0}, text(n),
                    chunked_head + "<chunked>" + text(n) + "<end>X-Sum: 9\r\n\r\n", trailers.get());
  }
}

TEST_CASE("messages follow each other on one writer") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Producer p(seed);
    p.wire.room = p.below(50);
    const std::string with_length = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n";
    std::string expected;
    for (int i = 0; i < 4; ++i) {
      p.writer.raw(p.stream, "HTTP/1.1 103 Early Hints\r\n\r\n");
      expected += "HTTP/1.1 103 Early Hints\r\n\r\n";
      if (p.below(2)) {
        p.send(with_length, {BodyKind::length, 40}, text(40), p.below(100), nullptr);
        expected += with_length + text(40);
      } else {
        p.send(chunked_head, {BodyKind::chunked, 0}, text(60), p.below(100), nullptr);
        expected += chunked_head + "<chunked>" + text(60) + "<end>\r\n";
      }
      p.until_room();
      if (p.below(2)) p.writer.reset();
    }
    CHECK(wire_text(p.wire.out) == expected);
  }
}

TEST_CASE("no more than the announced length leaves") {
  Producer p(1);
  p.writer.begin("head", {BodyKind::length, 3});
  CHECK(p.writer.body(p.stream, {"abcdef", 6, 0, true, true}) == 3);
  CHECK(p.writer.body(p.stream, {"def", 3, 0, true, true}) == 0);
  CHECK(p.wire.out == "headabc");
}

TEST_CASE("a body that was not taken is told of room once, on a stream that forgets") {
  Producer p(1);
  p.wire.room = 6;
  p.writer.begin("head", {BodyKind::length, 6});
  CHECK(p.writer.body(p.stream, {"abcdef", 6, 0, true, true}) == 2);
  CHECK(p.writer.full(p.stream));
  CHECK(p.tell_of_room(100));
  CHECK_FALSE(p.writer.full(p.stream));
  CHECK(p.writer.body(p.stream, {"cdef", 4, 0, true, true}) == 4);
  CHECK_FALSE(p.tell_of_room(100));  // nothing waited
}

TEST_CASE("a stream that dies stops everything, at any write") {
  for (std::size_t at = 0; at < 12; ++at) {
    CAPTURE(at);
    Producer p(3);
    p.fault.at = at;
    p.wire.room = 5;
    p.writer.begin(chunked_head, {BodyKind::chunked, 0});
    const std::string body = text(50);
    std::size_t sent = 0;
    for (int i = 0; i < 200 && !p.writer.failed() && sent < body.size(); ++i) {
      sent += p.writer.body(p.stream, {body.data() + sent, body.size() - sent, 0, true, true});
      if (p.writer.full(p.stream)) p.tell_of_room(9);
    }
    if (!p.writer.failed()) p.writer.end(p.stream, nullptr);
    for (int i = 0; i < 20 && !p.writer.failed() && p.writer.full(p.stream); ++i) p.tell_of_room(5);
    if (!p.fault.hit) continue;
    CHECK(p.writer.failed());
    const std::size_t got = p.wire.out.size();
    CHECK(p.writer.body(p.stream, {body.data(), body.size(), 0, true, true}) == 0);
    p.writer.end(p.stream, nullptr);
    p.writer.raw(p.stream, "x");
    CHECK(p.wire.out.size() == got);
    p.writer.reset();
    CHECK_FALSE(p.writer.failed());
  }
}

TEST_CASE("small chunks wait for a flush, the end, or more than a record holds") {
  Producer p(1);
  const auto chunk = [&](std::size_t size, bool flush, bool end = false, bool bare = false) {
    const std::string bytes = text(size);
    CHECK(p.writer.body(p.stream, {bytes.data(), size, 0, flush, end, bare}) == size);
  };
  p.writer.begin(chunked_head, {BodyKind::chunked, 0}, true);
  chunk(10, false);
  chunk(20, false);
  CHECK_FALSE(p.writer.head_waits());
  CHECK_FALSE(p.writer.drained(p.stream));
  CHECK(p.wire.out.empty());
  p.writer.flush(p.stream);
  CHECK(p.wire.out == chunked_head + "a\r\n" + text(10) + "\r\n14\r\n" + text(20) + "\r\n");
  p.wire.out.clear();
  chunk(1, false);
  chunk(2, true);  // says flush itself
  CHECK(p.wire.out == "1\r\nA\r\n2\r\nAB\r\n");
  p.wire.out.clear();
  chunk(10'000, false);
  CHECK(p.wire.out.empty());
  chunk(10'000, false);
  CHECK(p.wire.out.size() > 20'000);
  p.wire.out.clear();
  chunk(3, false);
  p.writer.end(p.stream, nullptr);
  CHECK(p.wire.out == "3\r\nABC\r\n0\r\n\r\n");
  p.wire.out.clear();

  p.writer.begin(chunked_head, {BodyKind::chunked, 0}, true);
  chunk(1, false);
  chunk(2, false, true, true);  // the end, without trailers
  CHECK(p.wire.out == chunked_head + "1\r\nA\r\n2\r\nAB\r\n0\r\n\r\n");
  p.writer.end(p.stream, nullptr);
  CHECK(p.wire.out.ends_with("AB\r\n0\r\n\r\n"));
  p.wire.out.clear();

  p.writer.begin(chunked_head, {BodyKind::chunked, 0});
  chunk(1, false);
  CHECK(p.wire.out == chunked_head + "1\r\nA\r\n");
}
