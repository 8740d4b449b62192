// The keep-alive pool over real loopback sockets.
#include "proxy/upstream/pool.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <string>

#include "pool_rig.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One request on connection `n` of `origin`, to its end.
void exchange_once(PoolRig& rig, Origin& origin, std::size_t n, bool reused) {
  PoolClient& c = rig.ask();
  REQUIRE(rig.until_asked(origin, n));
  origin.answer(n, ok);
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.status == 200);
  CHECK(c.body == "ok");
  CHECK(rig.records.all.back().outcome.upstream.reused == reused);
  c.done();
}

}  // namespace

TEST_CASE("a connection is used again, and holds no block meanwhile") {
  Origin origin;
  PoolRig rig({&origin});
  exchange_once(rig, origin, 0, false);
  for (int i = 0; i < 3; ++i) exchange_once(rig, origin, 0, true);
  CHECK(origin.connections.size() == 1);
  CHECK(rig.pool->connections() == 1);
  CHECK(rig.pool->in_use(0) == 0);
  CHECK(rig.worker.turn().buffers().lent_bytes() == 0);
}

TEST_CASE("the peer's close of an idle connection is noticed, as are bytes that nobody asked for") {
  Origin origin;
  PoolRig rig({&origin});
  exchange_once(rig, origin, 0, false);
  origin.connections[0].fd.close();
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));
  exchange_once(rig, origin, 1, false);
  origin.answer(1, "HTTP/1.1 408 Request Timeout\r\n\r\n");
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));
  CHECK(rig.pool->in_use(0) == 0);
  exchange_once(rig, origin, 2, false);
}

TEST_CASE("bytes behind an answer end its connection") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.ask();
  REQUIRE(rig.until_asked(origin, 0));
  origin.answer(0, ok + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.body == "ok");
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));
}

TEST_CASE("an idle connection ends when its time is over") {
  Origin origin;
  config::Upstream settings;
  settings.idle = config::Ms(30);
  PoolRig rig({&origin}, settings);
  exchange_once(rig, origin, 0, false);
  REQUIRE(rig.until([&] { return origin.open() == 0; }));
  CHECK(rig.pool->connections() == 0);
}

TEST_CASE("no more connections than the settings say") {
  Origin origin;
  config::Upstream settings;
  settings.max_connections = 2;
  PoolRig rig({&origin}, settings);
  PoolClient &a = rig.ask(), &b = rig.ask(), &c = rig.ask();
  CHECK(c.is_finished);  // at once
  CHECK(c.status == 503);
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::pool_full);
  c.done();
  REQUIRE(rig.until_asked(origin, 1));
  CHECK(rig.pool->in_use(0) == 2);
  origin.answer(0, ok);
  origin.answer(1, ok);
  REQUIRE(rig.until([&] { return a.is_finished && b.is_finished; }));
  a.done();
  b.done();
  CHECK(rig.pool->connections() == 2);
  CHECK(rig.pool->in_use(0) == 0);
}

TEST_CASE("no more idle connections than the settings say") {
  Origin origin;
  config::Upstream settings;
  settings.max_idle = 1;
  PoolRig rig({&origin}, settings);
  PoolClient &a = rig.ask(), &b = rig.ask();
  REQUIRE(rig.until_asked(origin, 1));
  REQUIRE(rig.until_asked(origin, 0));
  origin.answer(0, ok);
  origin.answer(1, ok);
  REQUIRE(rig.until([&] { return a.is_finished && b.is_finished && origin.open() == 1; }));
  CHECK(rig.pool->connections() == 1);
  CHECK(rig.pool->in_use(0) == 0);
}

TEST_CASE("a refused connection: the next endpoint is tried, then 502") {
  Origin dead, good;
  dead.stop();
  {
    PoolRig rig({&dead, &good});
    for (int i = 0; i < 4; ++i) {
      PoolClient& c = rig.ask();
      // On an idle connection, or on a fresh one if the dead endpoint was tried first.
      std::size_t n = 0;
      REQUIRE(rig.until([&] {
        for (n = 0; n < good.connections.size(); ++n)
          if (!good.connections[n].in.empty()) return true;
        return false;
      }));
      good.answer(n, ok);
      REQUIRE(rig.until([&] { return c.is_finished; }));
      CHECK(c.status == 200);
      c.done();
    }
    CHECK(rig.pool->in_use(0) == 0);
  }
  PoolRig rig({&dead});
  PoolClient& c = rig.ask();
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.status == 502);
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::connect_refused);
  CHECK(rig.pool->connections() == 0);
  CHECK(rig.pool->in_use(0) == 0);
}

namespace {

// New descriptors are refused while it lives.
struct NoDescriptors {
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("no descriptor for a connection: 503, and the endpoint is not blamed") {
  for (const char* scheme : {"http", "h2c"}) {
    CAPTURE(scheme);
    Origin origin;
    origin.scheme = scheme;
    config::Upstream settings;
    settings.ejection.consecutive_failures = 1;
    PoolRig rig({&origin}, settings);
    {
      const NoDescriptors short_of_them;
      PoolClient& c = rig.ask();
      REQUIRE(rig.until([&] { return c.is_finished; }));
      CHECK(c.status == 503);
    }
    CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::local_limit);
    CHECK(rig.pool->group().endpoints[0]->health.state() == HealthState::healthy);
    CHECK(rig.pool->in_use(0) == 0);
    rig.ask();
    REQUIRE(rig.until([&] { return origin.connections.size() == 1; }));
  }
}

TEST_CASE("a name without an address: 503, and its health is as before") {
  Origin named, good;
  config::Upstream settings;
  settings.ejection.consecutive_failures = 1;
  PoolRig rig({&named, &good}, settings, false);
  rig.pool->set_addresses(0, {});
  rig.pool->set_addresses(1, {});
  PoolClient& c = rig.ask();
  CHECK(c.is_finished);  // at once
  CHECK(c.status == 503);
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::no_endpoint);
  c.done();
  // With another endpoint at hand it is passed over.
  rig.pool->set_addresses(1, {good.address()});
  for (int i = 0; i < 4; ++i) exchange_once(rig, good, 0, i > 0);
  CHECK(rig.pool->group().endpoints[0]->health.state() == HealthState::healthy);
  CHECK(named.connections.empty());
}

TEST_CASE("before the first answer about a name a request waits, but no longer than to connect") {
  Origin origin;
  config::Upstream settings;
  settings.connect = config::Ms(60);
  PoolRig rig({&origin}, settings, false);
  PoolClient &waits = rig.ask(), &leaves = rig.ask();
  CHECK_FALSE(waits.is_finished);
  leaves.exchange->on_client_lost(ClientLoss::reset);
  leaves.done();
  rig.pool->set_addresses(0, {origin.address()});
  REQUIRE(rig.until_asked(origin, 0));
  origin.answer(0, ok);
  REQUIRE(rig.until([&] { return waits.is_finished; }));
  CHECK(waits.status == 200);
  CHECK(origin.connections.size() == 1);
  waits.done();

  PoolRig never({&origin}, settings, false);
  PoolClient& c = never.ask();
  REQUIRE(never.until([&] { return c.is_finished; }));
  CHECK(c.status == 503);
  CHECK(never.records.all.back().outcome.failure == UpstreamFailure::no_endpoint);
  c.done();
  // A name that does not resolve is known by then: nobody waits for it again.
  never.pool->set_addresses(0, {});
  CHECK(never.ask().is_finished);
}

TEST_CASE("a client that leaves while its connection is made: it becomes idle") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.ask();
  c.exchange->on_client_lost(ClientLoss::reset);
  CHECK(c.aborted);
  c.done();
  CHECK(rig.records.all.size() == 1);
  REQUIRE(rig.until([&] { return rig.pool->in_use(0) == 0; }));
  exchange_once(rig, origin, 0, true);
}

TEST_CASE("a client that leaves within its answer takes the connection with it") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.ask();
  REQUIRE(rig.until_asked(origin, 0));
  c.exchange->on_client_lost(ClientLoss::reset);
  c.done();
  REQUIRE(rig.until([&] { return origin.open() == 0; }));
  CHECK(rig.pool->connections() == 0);
}

TEST_CASE("a dead reused connection: one fresh try") {
  Origin origin;
  PoolRig rig({&origin});
  exchange_once(rig, origin, 0, false);
  PoolClient& c = rig.ask();
  REQUIRE(rig.until_asked(origin, 0));
  origin.connections[0].fd.close();
  REQUIRE(rig.until_asked(origin, 1));
  origin.answer(1, ok);
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.status == 200);
  CHECK(rig.records.all.back().outcome.retries == 1);
}

TEST_CASE("time limits: first byte, between reads, in total") {
  Origin origin;
  config::Upstream settings;
  settings.first_byte = config::Ms(30);
  settings.read_idle = config::Ms(40);
  PoolRig rig({&origin}, settings);
  PoolClient& first = rig.ask();
  REQUIRE(rig.until([&] { return first.is_finished; }));
  CHECK(first.status == 504);
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::first_byte_timeout);
  PoolClient& between = rig.ask();
  REQUIRE(rig.until_asked(origin, 1));
  origin.answer(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
  REQUIRE(rig.until([&] { return between.aborted; }));
  CHECK(rig.records.all.back().outcome.failure == UpstreamFailure::idle_timeout);
  first.done();
  between.done();
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));

  settings = {};
  settings.total = config::Ms(30);
  PoolRig total({&origin}, settings);
  PoolClient& c = total.ask();
  REQUIRE(total.until([&] { return c.is_finished; }));
  CHECK(total.records.all.back().outcome.failure == UpstreamFailure::total_timeout);
}

TEST_CASE("over a reload idle connections go to the new pool, busy ones end with their answers") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient &a = rig.ask(), &b = rig.ask();
  REQUIRE(rig.until_asked(origin, 0));
  REQUIRE(rig.until_asked(origin, 1));
  origin.answer(0, ok);
  REQUIRE(rig.until([&] { return a.is_finished || b.is_finished; }));
  PoolClient& busy = a.is_finished ? b : a;
  (a.is_finished ? a : b).done();
  rig.replace_pool({});
  CHECK(rig.pool->connections() == 1);
  CHECK(rig.pool->in_use(0) == 0);
  CHECK(rig.old_pool->connections() == 1);
  origin.answer(1, ok);
  REQUIRE(rig.until([&] { return busy.is_finished && rig.old_pool->connections() == 0; }));
  CHECK(busy.status == 200);
  busy.done();
  REQUIRE(rig.until([&] { return origin.open() == 1; }));
  // What was adopted is watched and timed as before.
  origin.connections[0].fd.close();
  REQUIRE(rig.until([&] { return rig.pool->connections() == 0; }));
}

TEST_CASE("a reload while a connection is made: the request goes on") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.ask();
  rig.replace_pool({});
  REQUIRE(rig.until_asked(origin, 0));
  origin.answer(0, ok);
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.status == 200);
  c.done();
  REQUIRE(rig.until([&] { return rig.old_pool->connections() == 0; }));
}

TEST_CASE("a client that stops taking, and goes on") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.client();
  c.appetite = 10;
  c.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  REQUIRE(rig.until_asked(origin, 0));
  const std::string body(20'000, 'b');
  origin.answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + body);
  REQUIRE(rig.until([&] { return c.body.size() == 10; }));
  c.appetite = 20'000;
  c.exchange->on_client_writable();
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.body == body);
}

TEST_CASE("an upstream that stops taking a body, and goes on") {
  Origin origin;
  PoolRig rig({&origin});
  PoolClient& c = rig.client();
  const std::string body(16u << 20, 'u');
  origin.reading = false;
  c.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n");
  REQUIRE(rig.until([&] { return c.resumed; }));
  std::size_t sent = 0;
  int pauses = 0;
  while (sent < body.size()) {
    c.resumed = false;
    const std::size_t offered = std::min<std::size_t>(body.size() - sent, 60'000);
    const std::size_t n = c.exchange->on_request_body(
        {body.data() + sent, offered, 0, true, sent + offered == body.size()});
    sent += n;
    if (n == offered) continue;
    ++pauses;
    origin.reading = true;
    REQUIRE(rig.until([&] { return c.resumed; }));
  }
  CHECK(pauses > 0);
  c.exchange->on_request_end(nullptr);
  const std::string& in = origin.connections.at(0).in;
  const std::size_t head = in.find("\r\n\r\n") + 4;
  REQUIRE(rig.until([&] { return in.size() == head + body.size(); }));
  CHECK((in.compare(head, body.size(), body) == 0));
  origin.answer(0, ok);
  REQUIRE(rig.until([&] { return c.is_finished; }));
  CHECK(c.status == 200);
}
