// HTTP/2 connections of a pool over real loopback sockets: streams and their
// shares, what may be repeated, and an upstream that fails at every step.
#include <doctest/doctest.h>

#include <string>

#include "h2_frames.hpp"
#include "pool_rig.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

struct H2Origin : Origin {
  H2Origin() { scheme = "h2c"; }
  std::vector<H2Frame> frames(std::size_t connection) const {
    return connection < connections.size() ? frames_of(connections[connection].in)
                                           : std::vector<H2Frame>{};
  }
  std::size_t requests(std::size_t connection) const {
    std::size_t n = 0;
    for (const H2Frame& f : frames(connection)) n += f.type == h2_headers && (f.stream & 1) == 1;
    return n;
  }
  // Unlike answer(): what came stays.
  void say(std::size_t connection, const std::string& bytes) {
    const int fd = connections.at(connection).fd.get();
    REQUIRE(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
};

config::Upstream settings_with(std::uint32_t connections, std::uint32_t streams,
                               std::uint32_t share) {
  config::Upstream s;
  s.http2.max_connections = connections;
  s.http2.max_streams = streams;
  s.http2.tenant_share = share;
  return s;
}

// The connection stands, with what the server announced.
void connected(PoolRig& rig, H2Origin& origin, std::size_t n, const std::string& settings = {}) {
  REQUIRE(rig.until([&] { return origin.connections.size() > n; }));
  origin.say(n, server_preface(settings));
}

void check_quiet(PoolRig& rig) {
  CHECK(rig.pool->in_use(0) == 0);
  CHECK(rig.pool->waiting() == 0);
  for (auto& c : rig.clients) c->done();
  rig.worker.turn_once(false);
  CHECK(rig.exchanges.in_use() == 0);
  CHECK(rig.worker.turn().buffers().lent_bytes() == 0);
}

}  // namespace

TEST_CASE(
    "h2: nothing is sent before the server's SETTINGS; then all that wait, on one connection") {
  H2Origin origin;
  PoolRig rig({&origin});
  PoolClient &a = rig.ask(), &b = rig.ask();
  REQUIRE(rig.until([&] { return !origin.connections.empty() && origin.frames(0).size() >= 2; }));
  CHECK(origin.requests(0) == 0);
  origin.say(0, server_preface());
  REQUIRE(rig.until([&] { return origin.requests(0) == 2; }));
  CHECK(rig.pool->in_use(0) == 2);
  origin.say(0, h2_answer(3, "second") + h2_answer(1, "first"));
  REQUIRE(rig.until([&] { return a.is_finished && b.is_finished; }));
  CHECK(a.body == "first");
  CHECK(b.body == "second");
  CHECK(rig.pool->connections() == 1);
  CHECK_FALSE(rig.records.all[0].outcome.upstream.reused);
  PoolClient& c = rig.ask();
  REQUIRE(rig.until([&] { return origin.requests(0) == 3; }));
  origin.say(0, h2_answer(5, "third"));
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(rig.records.all.back().outcome.upstream.reused);
  check_quiet(rig);
}

TEST_CASE("h2: a tenant's share, more connections, then a short wait") {
  H2Origin origin;
  config::Upstream settings = settings_with(2, 4, 50);
  settings.connect = config::Ms(200);
  PoolRig rig({&origin}, settings);
  for (int i = 0; i < 4; ++i) rig.ask();
  connected(rig, origin, 0);
  connected(rig, origin, 1);
  REQUIRE(rig.until([&] { return origin.requests(0) == 2 && origin.requests(1) == 2; }));
  PoolClient& waits = rig.ask();
  CHECK(rig.pool->waiting() == 1);
  PoolClient& other = rig.ask("GET", "b.test");  // its share is untouched
  CHECK(rig.pool->waiting() == 1);
  origin.say(0, h2_answer(1, "ok"));
  REQUIRE(rig.until([&] { return origin.requests(0) + origin.requests(1) == 6; }));
  CHECK(rig.pool->waiting() == 0);
  PoolClient& late = rig.ask();
  REQUIRE(rig.until([&] { return late.is_finished; }));
  CHECK(late.status == 503);
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::pool_full);
  CHECK_FALSE(waits.is_finished);
  CHECK_FALSE(other.is_finished);
  PoolClient& gone = rig.ask();
  CHECK(rig.pool->waiting() == 1);
  gone.done();
  CHECK(rig.pool->waiting() == 0);
  for (std::size_t i = 0; i < 2; ++i) origin.connections[i].fd.close();
  REQUIRE(rig.until([&] { return rig.pool->in_use(0) == 0 || rig.pool->connections() > 0; }));
}

TEST_CASE("h2: the server's limit counts, and its rise lets in who waits") {
  H2Origin origin;
  PoolRig rig({&origin}, settings_with(1, 100, 100));
  PoolClient& first = rig.ask();
  connected(rig, origin, 0, h2_setting(3, 1));
  REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
  PoolClient& second = rig.ask();
  CHECK(rig.pool->waiting() == 1);
  origin.say(0, h2_frame(h2_settings, 0, 0, h2_setting(3, 5)));
  REQUIRE(rig.until([&] { return origin.requests(0) == 2; }));
  origin.say(0, h2_answer(1, "a") + h2_answer(3, "b"));
  REQUIRE(rig.until([&] { return first.is_finished && second.is_finished; }));
  check_quiet(rig);
}

TEST_CASE("h2: what was not begun is repeated, also a POST; twice is enough") {
  for (const bool goaway : {false, true}) {
    H2Origin origin;
    PoolRig rig({&origin});
    PoolClient& c = rig.ask("POST");
    connected(rig, origin, 0);
    REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
    origin.say(0, goaway ? h2_bye(0) : h2_reset(1, 7));
    connected(rig, origin, 1);
    REQUIRE(rig.until([&] { return origin.requests(1) == 1; }));
    SUBCASE("") {
      origin.say(1, h2_answer(1, "ok"));
      REQUIRE(rig.until([&] { return c.is_finished; }));
      CHECK(c.status == 200);
      CHECK(rig.records.all.back().outcome.retries == 1);
    }
    SUBCASE("") {
      origin.say(1, h2_reset(1, 7));
      REQUIRE(rig.until([&] { return c.is_finished; }));
      CHECK(c.status == 502);
      CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::refused_stream);
    }
    if (goaway) CHECK(rig.until([&] { return rig.pool->connections() == 1; }));
    check_quiet(rig);
  }
}

TEST_CASE("h2: credit comes back as the client takes, and what it does not take is bounded") {
  H2Origin origin;
  config::Upstream settings;
  settings.http2.stream_window = 65'535;
  PoolRig rig({&origin}, settings);
  PoolClient& c = rig.client();
  c.appetite = 10;
  c.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  connected(rig, origin, 0);
  REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
  const std::string piece(16'000, 'x');
  std::string bytes = h2_frame(h2_headers, end_headers, 1, h2_ok);
  for (int i = 0; i < 4; ++i) bytes += h2_frame(h2_data, 0, 1, piece);
  origin.say(0, bytes);
  const auto credit = [&] { return count_of(origin.frames(0), h2_window, 1); };
  REQUIRE(rig.until([&] { return c.body.size() == 10; }));
  for (int i = 0; i < 50; ++i) rig.worker.turn_once(false);
  origin.step();
  CHECK(credit() == 0);
  c.appetite = static_cast<std::size_t>(-1);
  c.exchange->on_client_writable();
  REQUIRE(rig.until([&] { return c.body.size() == 64'000 && credit() > 0; }));
  origin.say(0, h2_frame(h2_data, end_stream, 1, "end"));
  REQUIRE(rig.until([&] { return c.is_finished; }));
  check_quiet(rig);
}

TEST_CASE("h2: an answer that is here whole survives its connection") {
  H2Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.client();
  c.appetite = 2;
  c.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  connected(rig, origin, 0);
  REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
  origin.say(0, h2_answer(1, "whole") + h2_bye(1));
  origin.connections[0].fd.close();
  REQUIRE(rig.until([&] { return c.body == "wh"; }));
  for (int i = 0; i < 50; ++i) rig.worker.turn_once(false);
  CHECK_FALSE(c.aborted);
  c.appetite = 100;
  c.exchange->on_client_writable();
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.body == "whole");
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));
  check_quiet(rig);
}

TEST_CASE("h2: a connection that dies is one failure of its endpoint, however many were on it") {
  H2Origin origin;
  config::Upstream settings;
  settings.ejection.consecutive_failures = 5;
  PoolRig rig({&origin}, settings);
  for (int i = 0; i < 20; ++i) rig.ask("POST");
  connected(rig, origin, 0);
  REQUIRE(rig.until([&] { return origin.requests(0) == 20; }));
  origin.connections[0].fd.close();
  REQUIRE(rig.until([&] { return rig.records.all.size() == 20; }));
  CHECK(rig.pool->group().endpoints[0]->failures.load() == 1);
  CHECK(rig.pool->group().endpoints[0]->health.state() == HealthState::healthy);
  check_quiet(rig);
}

TEST_CASE("h2: an idle connection goes to the next pool, and ends with a GOAWAY") {
  H2Origin origin;
  config::Upstream settings;
  settings.idle = config::Ms(50);
  PoolRig rig({&origin}, settings);
  PoolClient& c = rig.ask();
  connected(rig, origin, 0);
  REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
  origin.say(0, h2_answer(1, "ok"));
  REQUIRE(rig.until([&] { return c.is_finished; }));
  rig.replace_pool(settings);
  CHECK(rig.pool->connections() == 1);
  CHECK(rig.old_pool->connections() == 0);
  PoolClient& again = rig.ask();
  REQUIRE(rig.until([&] { return origin.requests(0) == 2; }));
  origin.say(0, h2_answer(3, "ok"));
  REQUIRE(rig.until([&] { return again.is_finished; }));
  REQUIRE(rig.until([&] { return origin.connections[0].ended; }));
  CHECK(origin.frames(0).back().type == h2_goaway);
  check_quiet(rig);
}

TEST_CASE("h2: an upstream that stops at any byte leaves nothing behind") {
  const std::string script =
      server_preface() + h2_frame(h2_headers, end_headers, 1, h2_field(":status", "103")) +
      h2_frame(h2_headers, end_headers, 1, h2_ok + h2_field("x-a", "b")) +
      h2_frame(h2_data, 0, 1, "hello ") + h2_frame(h2_data, 0, 1, "world") +
      h2_frame(h2_headers, end_headers | end_stream, 1, h2_field("x-t", "1"));
  for (std::size_t cut = 0; cut <= script.size(); ++cut) {
    CAPTURE(cut);
    H2Origin origin;
    config::Upstream settings;
    settings.ejection.consecutive_failures = 0;
    PoolRig rig({&origin}, settings);
    PoolClient& c = rig.ask("POST");
    REQUIRE(rig.until([&] { return !origin.connections.empty(); }));
    // The requests frame must be out before the answer may come.
    const std::size_t preface = server_preface().size();
    origin.say(0, script.substr(0, std::min(cut, preface)));
    if (cut > preface) {
      REQUIRE(rig.until([&] { return origin.requests(0) == 1; }));
      origin.say(0, script.substr(preface, cut - preface));
    }
    origin.connections[0].fd.close();
    REQUIRE(rig.until([&] { return c.is_finished || c.aborted; }));
    REQUIRE(rig.records.all.size() == 1);
    if (cut == script.size()) {
      CHECK(c.body == "hello world");
      CHECK(c.ended);
    } else if (c.status == 200) {
      CHECK(c.aborted);  // its head was out: broken off, never ended
      CHECK_FALSE(c.ended);
    } else {
      CHECK(c.status == 502);
    }
    check_quiet(rig);
  }
}

TEST_CASE("h2: a client that leaves at any step leaves nothing behind") {
  for (int step = 0; step < 5; ++step) {
    CAPTURE(step);
    H2Origin origin;
    PoolRig rig({&origin});
    PoolClient& c = rig.ask();
    PoolClient& stays = rig.ask();
    const auto go = [&](int at, auto action) {
      if (step > at) action();
    };
    go(0, [&] { connected(rig, origin, 0); });
    go(1, [&] { REQUIRE(rig.until([&] { return origin.requests(0) == 2; })); });
    go(2, [&] { origin.say(0, h2_frame(h2_headers, end_headers, 1, h2_ok)); });
    go(2, [&] { REQUIRE(rig.until([&] { return c.status == 200; })); });
    go(3, [&] { origin.say(0, h2_frame(h2_data, 0, 1, "x")); });
    c.exchange->on_client_lost(ClientLoss::reset);
    c.done();
    if (step == 0) connected(rig, origin, 0);
    const std::size_t requests = step < 2 ? 1 : 2;
    REQUIRE(rig.until([&] { return origin.requests(0) == requests; }));
    if (step >= 2) {
      REQUIRE(rig.until([&] { return count_of(origin.frames(0), h2_rst, 1) == 1; }));
    }
    origin.say(0, h2_answer(requests == 1 ? 1 : 3, "ok"));
    REQUIRE(rig.until([&] { return stays.is_finished; }));
    CHECK(stays.body == "ok");
    check_quiet(rig);
  }
}

TEST_CASE("h2: an upgrade goes to an endpoint that can, or is refused") {
  H2Origin h2;
  Origin h1;
  PoolRig rig({&h2, &h1});
  const std::string head =
      "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  for (int i = 0; i < 6; ++i) rig.client().ask(head);
  REQUIRE(rig.until([&] { return h1.connections.size() == 6; }));
  CHECK(h2.connections.empty());
  PoolRig alone({&h2});
  PoolClient& c = alone.client();
  c.ask(head);
  CHECK(c.status == 501);
  CHECK(alone.records.all.back().outcome.failure == UpstreamFailure::no_tunnel);
}
