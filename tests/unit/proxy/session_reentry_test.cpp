// From inside every call on a stream, the deepest place of each stack: the
// connection is given up, woken, or its upstream's end is put on the
// list of the turn. Run under AddressSanitizer. And between any two events settings are
// replaced, or a drain begins.
#include <doctest/doctest.h>

#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

std::size_t calls_of(const Scenario& scenario, const RunOptions& options) {
  ProxyRig rig(scenario, options);
  rig.play();
  return rig.fault.calls;
}

using Deed = void (*)(ProxyRig&);

struct Row {
  std::string name;
  Deed deed;
  bool harmless;  // the conversation goes on as if nothing had happened
};

const Row deeds[] = {
    {"given up", [](ProxyRig& rig) { rig.close_client_within_turn(); }, false},
    {"woken",
     [](ProxyRig& rig) {
       if (rig.client) rig.client->wake();
     },
     true},
    {"upstreams run later",
     [](ProxyRig& rig) {
       for (auto& c : rig.pool->connections)
         if (c->end) rig.turn.run_later(*c->end);
     },
     true},
    {"upstreams run later, then given up",
     [](ProxyRig& rig) {
       for (auto& c : rig.pool->connections)
         if (c->end) rig.turn.run_later(*c->end);
       rig.close_client_within_turn();
     },
     false},
    {"draining for all", [](ProxyRig& rig) { rig.services.draining = true; }, false},
};

}  // namespace

TEST_CASE("re-entered and given up from inside every call on a stream") {
  RunOptions slow;
  slow.client.every = slow.upstream.every = 50;
  slow.client_room = slow.upstream_room = 60;
  for (const Scenario& scenario : scenarios())
    for (const RunOptions& options : {RunOptions{}, slow}) {
      CAPTURE(scenario.name);
      const std::size_t calls = calls_of(scenario, options);
      for (const Row& row : deeds) {
        CAPTURE(row.name);
        for (std::size_t at = 0; at < calls; ++at) {
          CAPTURE(at);
          // The deed is handed over before the session's first call.
          ProxyRig rig(scenario, options);
          rig.fault.inside_at = at;
          rig.fault.inside = [&rig, &row] { row.deed(rig); };
          rig.play();
          rig.pass_time();
          rig.check_over();
          CHECK(rig.records.all.size() <= scenario.requests);
          if (row.harmless) CHECK(rig.records.all.size() == scenario.requests);
        }
      }
    }
}

TEST_CASE("a drain begins between any two events") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    ProxyRig undisturbed(scenario, {});
    undisturbed.play();
    const std::size_t events = undisturbed.events;
    undisturbed.pass_time();
    for (std::size_t after = 0; after < events; ++after) {
      CAPTURE(after);
      RunOptions options;
      options.silent_after = after;
      ProxyRig rig(scenario, options);
      rig.play();
      rig.services.draining = true;
      if (rig.client) rig.client->drain();
      rig.finish_turn();
      rig.allow_events(Fault::never);
      rig.play();
      rig.pass_time();
      rig.check_over();
      CHECK(rig.records.all.size() <= scenario.requests);
    }
  }
}

TEST_CASE("settings are replaced between any two events") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    ProxyRig undisturbed(scenario, {});
    undisturbed.play();
    for (std::size_t after = 0; after < undisturbed.events; ++after) {
      CAPTURE(after);
      RunOptions options;
      options.silent_after = after;
      ProxyRig rig(scenario, options);
      rig.play();
      rig.reload(scenario.settings);
      CHECK(rig.snapshots_alive() <= 2);
      rig.allow_events(Fault::never);
      rig.play();
      if (scenario.client_same)
        CHECK(wire_text(rig.client_wire.out) == wire_text(undisturbed.client_wire.out));
      rig.pass_time();
      rig.check_over();
      CHECK(rig.snapshots_alive() == 1);
      CHECK(rig.records.all.size() == scenario.requests);
    }
    undisturbed.pass_time();
  }
}
