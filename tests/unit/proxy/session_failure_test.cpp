// Every conversation again, and in each run one thing goes wrong: a call on
// either stream fails, finds the peer's end, or would block; or both peers fall
// silent and only deadlines fire. Whatever happens: everything is closed in the
// end, nothing is kept, and each begun request has its one record (ClientSide
// checks that none goes without).
#include <doctest/doctest.h>

#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

struct Undisturbed {
  std::size_t calls = 0;
  std::size_t events = 0;
  std::string client;
  std::string upstream;
};

Undisturbed undisturbed(const Scenario& scenario, const RunOptions& options = {}) {
  ProxyRig rig(scenario, options);
  rig.play();
  Undisturbed u{rig.fault.calls, rig.events, wire_text(rig.client_wire.out), {}};
  for (const auto& c : rig.pool->connections) u.upstream += wire_text(c->wire.out) + "|";
  return u;
}

// Whether the client's half-close is known before the answer's head is a matter
// of which came first.
std::string without_close(std::string text) {
  constexpr std::string_view close = "Connection: close\r\n";
  for (std::size_t at; (at = text.find(close)) != std::string::npos;) text.erase(at, close.size());
  return text;
}

// A client that is gone does not have to be waited for.
void check_dead_client_noticed(const ProxyRig& rig) {
  if (rig.client_wire.dead) CHECK(rig.closed);
}

void run_with_fault(const Scenario& scenario, RunOptions options, std::size_t at,
                    net::IoStatus status) {
  CAPTURE(at);
  options.fault_at = at;
  options.fault = status;
  ProxyRig rig(scenario, options);
  rig.play();
  CHECK(rig.fault.hit);
  check_dead_client_noticed(rig);
  rig.pass_time();
  rig.check_over();
  CHECK(rig.records.all.size() <= scenario.requests);
}

}  // namespace

TEST_CASE("any read or write fails") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const std::size_t calls = undisturbed(scenario).calls;
    REQUIRE(calls > 1);
    for (std::size_t at = 0; at < calls; ++at)
      run_with_fault(scenario, {}, at, net::IoStatus::failed);
  }
}

TEST_CASE("any read finds the peer's end") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const std::size_t calls = undisturbed(scenario).calls;
    for (std::size_t at = 0; at < calls; ++at)
      run_with_fault(scenario, {}, at, net::IoStatus::closed);
  }
}

TEST_CASE("any read or write fails while both peers are slow") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    RunOptions slow;
    slow.client.every = slow.upstream.every = 40;
    slow.client_room = slow.upstream_room = 30;
    const std::size_t calls = undisturbed(scenario, slow).calls;
    for (std::size_t at = 0; at < calls; ++at)
      for (auto status : {net::IoStatus::failed, net::IoStatus::closed})
        run_with_fault(scenario, slow, at, status);
  }
}

TEST_CASE("a call that would block is made again, and nothing is lost") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    if (scenario.fresh_connections_have_room) continue;
    const Undisturbed whole = undisturbed(scenario);
    for (std::size_t at = 0; at < whole.calls; ++at) {
      CAPTURE(at);
      RunOptions options;
      options.fault_at = at;
      options.fault = net::IoStatus::would_block;
      ProxyRig rig(scenario, options);
      rig.play();
      if (scenario.client_same)
        CHECK(without_close(wire_text(rig.client_wire.out)) == without_close(whole.client));
      rig.pass_time();
      rig.check_over();
      CHECK(rig.records.all.size() == scenario.requests);
    }
  }
}

TEST_CASE("both peers fall silent after any event, and only deadlines fire") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    for (const std::size_t grain : {0u, 25u}) {
      RunOptions options;
      options.client.every = options.upstream.every = grain;
      if (grain) options.client_room = options.upstream_room = grain;
      const std::size_t events = undisturbed(scenario, options).events;
      for (std::size_t after = 0; after < events; ++after) {
        CAPTURE(after);
        options.silent_after = after;
        ProxyRig rig(scenario, options);
        rig.play();
        rig.pass_time();
        rig.check_over();
        CHECK(rig.records.all.size() <= scenario.requests);
      }
    }
  }
}

TEST_CASE("the connection is closed over its request after any event") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const std::size_t events = undisturbed(scenario).events;
    for (std::size_t after = 0; after < events; ++after) {
      CAPTURE(after);
      RunOptions options;
      options.silent_after = after;
      ProxyRig rig(scenario, options);
      rig.play();
      const bool busy = rig.client && rig.client->session.exchange();
      const std::size_t records = rig.records.all.size();
      rig.close_client();
      CHECK(rig.records.all.size() == records + (busy ? 1 : 0));
      rig.pass_time();
      rig.check_over();
    }
  }
}
