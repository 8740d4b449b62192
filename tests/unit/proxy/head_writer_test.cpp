// Heads as composed: their form, and the bound that stands for every check.
#include "proxy/http/head_writer.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace marquee::proxy;
using namespace marquee::proxy::http;

namespace {

// Composes into exactly head_bound() bytes, with guards around them.
template <typename... Arguments>
std::string composed(const auto& head, Arguments... arguments) {
  const std::size_t bound = head_bound(head);
  std::vector<char> room(bound + 64, '#');
  const std::size_t n = compose(head, arguments..., room.data() + 32);
  CHECK(n <= bound);
  CHECK(std::string(room.data(), 32) == std::string(32, '#'));
  CHECK(std::string(room.data() + 32 + bound, 32) == std::string(32, '#'));
  return {room.data() + 32, n};
}

}  // namespace

TEST_CASE("a request's head") {
  auto fields = std::make_unique<FieldTable>();
  fields->push({"Accept", "*/*"});
  fields->push({"X-Gone", "1", FieldId::other, false, true});
  FieldBlock block;
  block.add("x-site-id", "7");
  Additions additions;
  additions.add(block);
  additions.add("X-Real-IP", "192.0.2.1");
  OutgoingRequest r;
  r.method = "POST";
  r.target = "/a?b";
  r.host = "a.test";
  r.fields = fields.get();
  r.additions = &additions;
  r.body = {BodyKind::length, 12};
  CHECK(composed(r) ==
        "POST /a?b HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nx-site-id: 7\r\nX-Real-IP: "
        "192.0.2.1\r\n"
        "Content-Length: 12\r\n\r\n");
  r.body = {BodyKind::chunked, 0};
  CHECK(composed(r).find("\r\nTransfer-Encoding: chunked\r\n\r\n") != std::string::npos);
  r.body = {};
  r.upgrade_to = "websocket";
  CHECK(composed(r).find("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") !=
        std::string::npos);
}

TEST_CASE("a response's head") {
  OutgoingResponse r;
  r.body = {BodyKind::length, 3};
  CHECK(composed(r, Persistence::keep) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
  CHECK(composed(r, Persistence::close) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
  CHECK(composed(r, Persistence::keep_explicit) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n");
  r.reason = "Fine";
  r.bodiless = true;
  CHECK(composed(r, Persistence::keep) == "HTTP/1.1 200 Fine\r\n\r\n");
  r.status = 103;
  CHECK(composed(r, Persistence::close) == "HTTP/1.1 103 Fine\r\n\r\n");
  r.status = 101;
  r.upgrade_to = "websocket";
  CHECK(composed(r, Persistence::close) ==
        "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  // No reason known: the space stays (RFC 9112 4).
  OutgoingResponse odd;
  odd.status = 299;
  CHECK(composed(odd, Persistence::keep) == "HTTP/1.1 299 \r\n\r\n");
}

TEST_CASE("no head is longer than its bound") {
  std::mt19937 random(7);
  auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::string text(70'000, 'x');
  auto some = [&](std::size_t most) { return std::string_view(text).substr(0, below(most)); };
  constexpr std::uint64_t largest = ~std::uint64_t{0};
  for (int i = 0; i < 3000; ++i) {
    const std::size_t most = i % 10 == 0 ? 5000 : 1 + below(60);
    auto fields = std::make_unique<FieldTable>();
    for (std::size_t n = below(i % 20 == 0 ? 257 : 8); n > 0; --n)
      fields->push({some(most), some(most), FieldId::other, false, below(3) == 0});
    std::vector<FieldBlock> blocks(4);
    Additions additions;
    for (std::size_t n = below(30); n > 0; --n) additions.add(some(most), some(most));
    for (std::size_t n = below(6); n > 0; --n) {
      FieldBlock& b = blocks[n % blocks.size()];
      if (b.fields().empty()) b.add(some(most), some(most));
      additions.add(b);
    }
    const BodyFraming body{static_cast<BodyKind>(below(4)), below(2) ? largest : below(100)};
    OutgoingRequest q;
    q.method = some(33);
    q.target = some(most * 3);
    q.host = some(300);
    q.fields = below(8) ? fields.get() : nullptr;
    q.additions = below(8) ? &additions : nullptr;
    q.body = body;
    q.upgrade_to = below(2) ? some(most) : std::string_view{};
    composed(q);
    OutgoingResponse p;
    p.status = static_cast<unsigned>(100 + below(500));
    p.reason = below(2) ? some(most) : std::string_view{};
    p.fields = q.fields;
    p.additions = q.additions;
    p.body = body;
    p.bodiless = below(2) == 0;
    p.upgrade_to = q.upgrade_to;
    composed(p, static_cast<Persistence>(below(3)));
  }
}
