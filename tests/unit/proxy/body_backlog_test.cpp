// Bytes that wait in HTTP/2 streams are bounded for a connection and for a worker.
#include "proxy/body_backlog.hpp"

#include <doctest/doctest.h>

#include "h2_scenarios.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

struct Counting final : BodyBacklog::Waiter {
  void on_backlog_room() override { ++told; }
  int told = 0;
};

// WINDOW_UPDATE frames of the connection.
std::size_t connection_credits(std::string_view out) {
  std::size_t n = 0;
  const auto byte = [&out](std::size_t i) { return static_cast<unsigned char>(out[i]); };
  while (out.size() >= 9) {
    const std::size_t size = static_cast<std::size_t>(byte(0)) << 16 | byte(1) << 8 | byte(2);
    n += byte(3) == h2_window && out.substr(5, 4) == std::string_view("\0\0\0\0", 4);
    out.remove_prefix(std::min(out.size(), 9 + size));
  }
  return n;
}

}  // namespace

TEST_CASE("backlog: a connection's own bound holds it alone") {
  const auto all = std::make_shared<BodyBacklog>(1000);
  Counting a, b;
  BodyBacklog::Share one(all, a, 100), two(all, b, 100);
  one.add(101);
  CHECK_FALSE(one.has_room());
  CHECK(two.has_room());
  one.remove(1);
  CHECK(one.has_room());
  CHECK(a.told == 0);  // who takes its own bytes asks by itself
}

TEST_CASE("backlog: the worker's bound holds all, and each is told once when there is room") {
  const auto all = std::make_shared<BodyBacklog>(1000);
  Counting a, b, c;
  BodyBacklog::Share one(all, a, 5000), two(all, b);
  {
    BodyBacklog::Share gone(all, c);
    one.add(1001);
    CHECK_FALSE(two.has_room());
    CHECK_FALSE(two.has_room());
    CHECK_FALSE(gone.has_room());
  }
  one.remove(1);
  CHECK(b.told == 1);
  CHECK(c.told == 0);  // destroyed while it waited
  CHECK(two.has_room());
  one.remove(500);
  CHECK(b.told == 1);
}

TEST_CASE("backlog: what a connection leaves behind is given back, and tells the others") {
  const auto all = std::make_shared<BodyBacklog>(1000);
  Counting a, b;
  BodyBacklog::Share two(all, b);
  {
    BodyBacklog::Share one(all, a, 5000);
    one.add(3000);
    CHECK_FALSE(two.has_room());
  }
  CHECK(all->bytes() == 0);
  CHECK(b.told == 1);
}

// The upstream takes all, so this connection holds nothing itself.
TEST_CASE("h2: a client's connection credit waits for the worker's backlog, and comes with it") {
  std::string frames = h2_open() + h2_head(1, h2_request("/", "POST"), false);
  for (int i = 0; i < 3; ++i) frames += h2_body(1, std::string(16'000, 'x'));
  Scenario s{"withheld", {{our_end, ""}}, {{{"never", ""}}}};
  s.h2 = true;
  s.settings.http2.connection_window = 65'535;  // then half of it is worth a frame
  ProxyRig rig(s, {});
  Counting other;
  BodyBacklog::Share elsewhere(rig.services.backlog, other, 1u << 30);
  elsewhere.add(BodyBacklog::per_worker + 1);
  rig.client_peer.script.insert(rig.client_peer.script.begin(), {"", frames});
  rig.play();
  CHECK(rig.services.backlog->bytes() == BodyBacklog::per_worker + 1);
  CHECK(connection_credits(rig.client_wire.out) == 0);
  elsewhere.remove(1);
  rig.finish_turn();
  CHECK(connection_credits(rig.client_wire.out) == 1);
  rig.close_client();
  rig.pass_time();
  rig.check_over();
}
