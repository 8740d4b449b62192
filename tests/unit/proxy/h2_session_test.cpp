// HTTP/2 conversations, whole, cut at every place, disturbed at every call, and
// re-entered: the same questions that session_*_test.cpp asks of HTTP/1.1.
#include <doctest/doctest.h>
#include <openssl/evp.h>

#include "h2_scenarios.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace marquee::proxy::testing {

std::string websocket_accept(const std::string& key) {
  const std::string input = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(input.data(), input.size(), digest, &size, EVP_sha1(), nullptr);
  unsigned char text[64];
  const int n = EVP_EncodeBlock(text, digest, static_cast<int>(size));
  return {reinterpret_cast<char*>(text), static_cast<std::size_t>(n)};
}

}  // namespace marquee::proxy::testing

namespace {

// Request ids and times differ between runs that differ in their events.
std::string plain(std::string text) {
  for (const std::string_view field : {"date: ", "\"instance\":\"", "\"request_id\":\""}) {
    for (std::size_t at = 0; (at = text.find(field, at)) != std::string::npos; at += field.size()) {
      const std::size_t from = at + field.size();
      text.erase(from, text.find_first_of("|\"", from) - from);
    }
  }
  return text;
}

struct Ends {
  std::string client;
  std::string upstream;
  std::size_t records;
};

std::string upstream_text(const ProxyRig& rig) {
  std::string all;
  for (const auto& c : rig.pool->connections) {
    std::string text = c->wire.out;
    for (const std::string_view field :
         {"x-request-start: ", "x-request-id: ", "traceparent: ", "sec-websocket-key: "})
      for (std::size_t at = 0; (at = text.find(field, at)) != std::string::npos; at += field.size())
        text.erase(at + field.size(), text.find('\r', at) - at - field.size());
    all += text + "|";
  }
  return all;
}

Ends run(const Scenario& scenario, const RunOptions& options) {
  ProxyRig rig(scenario, options);
  rig.play();
  rig.pass_time();
  rig.check_over();
  const H2Seen seen = h2_read(rig.client_wire.out);
  CHECK_FALSE(seen.broken);
  return {plain(seen.all()), upstream_text(rig), rig.records.all.size()};
}

void check_same(const Scenario& scenario, const Ends& whole, const RunOptions& options) {
  const Ends cut = run(scenario, options);
  if (scenario.client_same) CHECK(cut.records == whole.records);
  if (scenario.client_same) CHECK(cut.client == whole.client);
  if (scenario.upstream_same) CHECK(cut.upstream == whole.upstream);
}

std::size_t bytes_of(const Script& script) {
  std::size_t n = 0;
  for (const Action& a : script) n += a.send.size();
  return n;
}

std::size_t calls_of(const Scenario& scenario) {
  ProxyRig rig(scenario, {});
  rig.play();
  return rig.fault.calls;
}

}  // namespace

TEST_CASE("h2: an undisturbed run plays its script to the end") {
  for (const Scenario& scenario : h2_scenarios()) {
    CAPTURE(scenario.name);
    ProxyRig rig(scenario, {});
    rig.play();
    CAPTURE(h2_read(rig.client_wire.out).all());
    CAPTURE(upstream_text(rig));
    CHECK(rig.client_peer.next == scenario.client.size());
    rig.pass_time();
    rig.check_over();
    CHECK(rig.records.all.size() == scenario.requests);
    const H2Seen seen = h2_read(rig.client_wire.out);
    CHECK_FALSE(seen.broken);
    CHECK_FALSE(seen.unfinished);
  }
}

TEST_CASE("h2: who floods learns why, however much is behind it") {
  std::string flood = h2_open();
  for (int i = 0; i < 600; ++i) flood += h2_frame(h2_ping, 0, 0, std::string(8, 'p'));
  Scenario scenario{"flood", {{"", flood + std::string(4u << 20, 'x')}}, {}, 0};
  scenario.h2 = true;
  ProxyRig rig(scenario, {});
  rig.play();
  CHECK(rig.closed);                                 // by the bound on what is read on
  CHECK(h2_read(rig.client_wire.out).goaway == 11);  // ENHANCE_YOUR_CALM
  rig.pass_time();
  rig.check_over();
}

TEST_CASE("h2: client bytes cut at every place") {
  for (const Scenario& scenario : h2_scenarios()) {
    CAPTURE(scenario.name);
    const Ends whole = run(scenario, {});
    for (std::size_t cut = 1; cut < bytes_of(scenario.client); ++cut) {
      CAPTURE(cut);
      check_same(scenario, whole, {.client = {{cut}}});
    }
    check_same(scenario, whole, {.client = {{}, 1}});
  }
}

TEST_CASE("h2: upstream bytes cut at every place, and peers that take a few bytes at a time") {
  for (const Scenario& scenario : h2_scenarios()) {
    if (scenario.upstream_whole) continue;
    CAPTURE(scenario.name);
    const Ends whole = run(scenario, {});
    std::size_t most = 0;
    for (const Script& script : scenario.upstreams) most = std::max(most, bytes_of(script));
    for (std::size_t cut = 1; cut < most; ++cut) {
      CAPTURE(cut);
      check_same(scenario, whole, {.upstream = {{cut}}});
    }
    check_same(scenario, whole, {.client = {{}, 1}, .upstream = {{}, 1}});
    for (std::size_t room : {1u, 2u, 7u, 64u}) {
      CAPTURE(room);
      check_same(scenario, whole, {.client_room = room});
      check_same(scenario, whole, {.upstream_room = room});
      check_same(scenario, whole, {.client_room = room, .upstream_room = room});
    }
  }
}

TEST_CASE("h2: any read or write fails, ends or would block") {
  for (const Scenario& scenario : h2_scenarios()) {
    CAPTURE(scenario.name);
    const std::size_t calls = calls_of(scenario);
    for (const net::IoStatus status :
         {net::IoStatus::failed, net::IoStatus::closed, net::IoStatus::would_block})
      for (std::size_t at = 0; at < calls; ++at) {
        CAPTURE(at);
        RunOptions options;
        options.fault_at = at;
        options.fault = status;
        ProxyRig rig(scenario, options);
        rig.play();
        if (rig.client_wire.dead) CHECK(rig.closed);
        rig.pass_time();
        rig.check_over();
        CHECK(rig.records.all.size() <= scenario.requests);
        CHECK_FALSE(h2_read(rig.client_wire.out).broken);
      }
  }
}

TEST_CASE("h2: both peers fall silent at any event") {
  for (const Scenario& scenario : h2_scenarios()) {
    CAPTURE(scenario.name);
    ProxyRig whole(scenario, {});
    whole.play();
    for (std::size_t events = 0; events < whole.events; ++events) {
      CAPTURE(events);
      RunOptions options;
      options.silent_after = events;
      ProxyRig rig(scenario, options);
      rig.play();
      rig.pass_time();
      rig.check_over();
    }
  }
}

TEST_CASE("h2: re-entered, drained and given up from inside every call on a stream") {
  using Deed = void (*)(ProxyRig&);
  const Deed deeds[] = {
      [](ProxyRig& rig) { rig.close_client_within_turn(); },
      [](ProxyRig& rig) {
        if (rig.client) rig.client->wake();
      },
      [](ProxyRig& rig) {
        for (auto& c : rig.pool->connections)
          if (c->end) rig.turn.run_later(*c->end);
      },
  };
  for (const Scenario& scenario : h2_scenarios()) {
    CAPTURE(scenario.name);
    const std::size_t calls = calls_of(scenario);
    for (const Deed deed : deeds)
      for (std::size_t at = 0; at < calls; ++at) {
        CAPTURE(at);
        ProxyRig rig(scenario, {});
        rig.fault.inside_at = at;
        rig.fault.inside = [&rig, deed] { deed(rig); };
        rig.play();
        rig.pass_time();
        rig.close_client();
        rig.check_over();
      }
    for (std::size_t events = 1; events < 12; ++events) {
      CAPTURE(events);
      ProxyRig rig(scenario, {});
      rig.each_event = [&rig, events] {
        if (rig.events != events || !rig.client) return;
        rig.client->drain();
        rig.reload(rig_settings());
        rig.finish_turn();
      };
      rig.play();
      rig.pass_time();
      rig.check_over();
    }
  }
}
