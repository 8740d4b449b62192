// Wherever the network cuts the bytes, and however few of them a peer takes at a
// time, both ends get the same.
#include <doctest/doctest.h>

#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

struct Ends {
  std::string client;
  std::string upstream;
  std::size_t records;
};

Ends run(const Scenario& scenario, const RunOptions& options) {
  ProxyRig rig(scenario, options);
  rig.play();
  rig.pass_time();
  rig.check_over();
  Ends ends{wire_text(rig.client_wire.out), {}, rig.records.all.size()};
  for (const auto& c : rig.pool->connections) ends.upstream += wire_text(c->wire.out) + "|";
  return ends;
}

void check_same(const Scenario& scenario, const Ends& whole, const RunOptions& options) {
  const Ends cut = run(scenario, options);
  CHECK(cut.records == whole.records);
  if (scenario.client_same) CHECK(cut.client == whole.client);
  if (scenario.upstream_same) CHECK(cut.upstream == whole.upstream);
}

std::size_t bytes_of(const Script& script) {
  std::size_t n = 0;
  for (const Action& a : script) n += a.send.size();
  return n;
}

}  // namespace

TEST_CASE("an undisturbed run plays its script to the end") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    ProxyRig rig(scenario, {});
    rig.play();
    CHECK(rig.client_peer.next == scenario.client.size());
    CHECK(rig.closed);
    rig.pass_time();
    rig.check_over();
    CHECK(rig.records.all.size() == scenario.requests);
  }
}

TEST_CASE("client bytes cut at every place") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const Ends whole = run(scenario, {});
    for (std::size_t cut = 1; cut < bytes_of(scenario.client); ++cut) {
      CAPTURE(cut);
      check_same(scenario, whole, {.client = {{cut}}});
    }
    check_same(scenario, whole, {.client = {{}, 1}});
  }
}

TEST_CASE("upstream bytes cut at every place") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const Ends whole = run(scenario, {});
    std::size_t most = 0;
    for (const Script& script : scenario.upstreams) most = std::max(most, bytes_of(script));
    for (std::size_t cut = 1; cut < most; ++cut) {
      CAPTURE(cut);
      check_same(scenario, whole, {.upstream = {{cut}}});
    }
    check_same(scenario, whole, {.upstream = {{}, 1}});
    check_same(scenario, whole, {.client = {{}, 1}, .upstream = {{}, 1}});
  }
}

TEST_CASE("peers that take a few bytes at a time") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const Ends whole = run(scenario, {});
    for (std::size_t room : {1u, 2u, 7u, 64u}) {
      CAPTURE(room);
      check_same(scenario, whole, {.client_room = room});
      check_same(scenario, whole, {.upstream_room = room});
      check_same(
          scenario, whole,
          {.client = {{}, 3}, .upstream = {{}, 3}, .client_room = room, .upstream_room = room});
    }
  }
}
