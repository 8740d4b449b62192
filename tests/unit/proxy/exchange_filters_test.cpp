// Filters between the two ends of a whole exchange: session, exchange, upstream.
#include <doctest/doctest.h>

#include "filter_rig.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

const std::string head_end = "\r\n\r\n";

// Of doubled bodies: each ends with the client's end.
std::vector<Scenario> doubled() {
  std::vector<Scenario> all;
  all.push_back({"length",
                 {{"", get("/")}, leave("aabbccdd")},
                 {{{head_end, answer("abcd", "ETag: \"e\"\r\n")}}}});
  all.push_back({"two on one connection",
                 {{"", get("/1") + get("/2")}, leave("ttwwoo")},
                 {{{head_end, answer("one")}, {head_end, answer("two")}}},
                 2});
  all.push_back({"no bytes", {{"", get("/")}, leave("\r\n\r\n")}, {{{head_end, answer("")}}}});
  all.push_back(
      {"chunked with trailers",
       {{"", get("/")}, leave("X-End: yes\r\n\r\n")},
       {{{head_end, chunked_answer("3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nX-End: yes\r\n\r\n")}}}});
  all.push_back({"until close",
                 {{"", get("/")}, leave("0\r\n\r\n")},
                 {{{head_end, "HTTP/1.1 200 OK\r\n\r\nto the end", Action::fin}}}});
  all.push_back({"http 1.0",
                 {{"", get("/", "", "GET", "1.0")}, leave("aabbccddeeff")},
                 {{{head_end, chunked_answer("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")}}}});
  all.push_back(
      {"post, and the answer again on the same connection",
       {{"", get("/1", "Content-Length: 5\r\n", "POST") + "hello"}, {"yy", get("/2")}, leave("nn")},
       {{{"hello", answer("ay")}, {head_end, answer("un")}}},
       2});
  all.push_back({"cut short",
                 {{"", get("/")}, leave("aabbcc")},
                 {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Action::fin}}}});
  return all;
}

struct Kind {
  const char* name;
  TestSource::Make make;
};
std::vector<Kind> kinds() {
  return {{"doubling", one<DoublingFilter>(std::size_t{5})},
          {"between two identities",
           [](FilterChain& chain) {
             chain.add(std::make_unique<IdentityFilter>());
             chain.add(std::make_unique<DoublingFilter>(64));
             chain.add(std::make_unique<IdentityFilter>());
           }},
          {"of unknown length", one<UnknownLengthFilter>(std::size_t{7})}};
}

std::string run(const Scenario& scenario, const RunOptions& options, const TestSource::Make& make) {
  FilterRig f(scenario, options, make);
  f.rig.play();
  f.finish();
  CHECK(f.rig.records.all.size() == scenario.requests);
  return f.client();
}

std::size_t bytes_of(const Script& script) {
  std::size_t n = 0;
  for (const Action& a : script) n += a.send.size();
  return n;
}

const RunOptions slow_peers{
    .client = {{}, 40}, .upstream = {{}, 11}, .client_room = 13, .upstream_room = 30};

}  // namespace

TEST_CASE("identity changes no conversation, and a source that adds nothing neither") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    for (const RunOptions& options :
         {RunOptions{}, RunOptions{.upstream = {{}, 1}}, RunOptions{.client_room = 3}}) {
      ProxyRig plain(scenario, options);
      plain.play();
      plain.pass_time();
      const std::string expected = wire_text(plain.client_wire.out);
      CHECK(run(scenario, options, {}) == expected);
      CHECK(run(scenario, options, one<IdentityFilter>()) == expected);
    }
  }
}

TEST_CASE("doubling, in every framing") {
  const auto all = doubled();
  const auto body_of = [&](std::size_t i, const TestSource::Make& make) {
    FilterRig f(all[i], {}, make);
    f.rig.play();
    CHECK(f.rig.client_peer.next == all[i].client.size());
    CHECK(f.rig.closed);
    const std::string out = f.client();
    f.finish();
    return out;
  };
  const auto doubling = one<DoublingFilter>(std::size_t{5});
  const std::string length = body_of(0, doubling);
  CHECK(length.find("Content-Length: 8\r\n") != std::string::npos);
  CHECK(length.find("ETag") == std::string::npos);
  CHECK(length.find("Date: ") != std::string::npos);
  CHECK(length.substr(length.size() - 8) == "aabbccdd");
  const std::string unknown = body_of(0, one<UnknownLengthFilter>(std::size_t{64}));
  CHECK(unknown.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(unknown.find("Content-Length") == std::string::npos);
  CHECK(unknown.find("<chunked>aabbccdd<end>") != std::string::npos);
  CHECK(body_of(2, doubling).find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(body_of(3, doubling).find("<chunked>aabbccddeeffgg<end>X-End: yes") != std::string::npos);
  CHECK(body_of(4, doubling).find("<chunked>ttoo  tthhee  eenndd<end>") != std::string::npos);
  CHECK(body_of(5, doubling).find("\r\n\r\naabbccddeeff") != std::string::npos);
}

TEST_CASE("every split, and clients that take few bytes") {
  for (const Scenario& scenario : doubled())
    for (const Kind& kind : kinds()) {
      CAPTURE(scenario.name);
      CAPTURE(kind.name);
      const std::string whole = run(scenario, {}, kind.make);
      std::size_t most = 0;
      for (const Script& script : scenario.upstreams) most = std::max(most, bytes_of(script));
      for (std::size_t cut = 1; cut < most; ++cut) {
        CAPTURE(cut);
        CHECK(run(scenario, {.upstream = {{cut}}}, kind.make) == whole);
      }
      for (std::size_t room : {1u, 2u, 3u, 7u, 64u}) {
        CAPTURE(room);
        CHECK(run(scenario, {.client_room = room}, kind.make) == whole);
        CHECK(run(scenario, {.upstream = {{}, 3}, .client_room = room}, kind.make) == whole);
      }
      CHECK(run(scenario, slow_peers, kind.make) == whole);
    }
}

TEST_CASE(
    "any call fails, ends or would block; any event is the last; the connection is closed over "
    "it") {
  for (const Scenario& scenario : doubled())
    for (const Kind& kind : kinds())
      for (const RunOptions& base : {RunOptions{}, slow_peers}) {
        CAPTURE(scenario.name);
        CAPTURE(kind.name);
        FilterRig undisturbed(scenario, base, kind.make);
        undisturbed.rig.play();
        const std::size_t calls = undisturbed.rig.fault.calls;
        const std::size_t events = undisturbed.rig.events;
        const std::string whole = undisturbed.client();
        for (std::size_t at = 0; at < calls; ++at)
          for (auto status :
               {net::IoStatus::failed, net::IoStatus::closed, net::IoStatus::would_block}) {
            CAPTURE(at);
            RunOptions options = base;
            options.fault_at = at;
            options.fault = status;
            FilterRig f(scenario, options, kind.make);
            f.rig.play();
            if (f.rig.client_wire.dead) CHECK(f.rig.closed);
            f.finish();
            CHECK(f.rig.records.all.size() <= scenario.requests);
            if (status == net::IoStatus::would_block && !f.rig.fault.hit)
              CHECK(f.client() == whole);
          }
        for (std::size_t after = 0; after < events; ++after)
          for (bool close : {false, true}) {
            CAPTURE(after);
            RunOptions options = base;
            options.silent_after = after;
            FilterRig f(scenario, options, kind.make);
            f.rig.play();
            if (close) f.rig.close_client();
            f.finish();
            CHECK(f.rig.records.all.size() <= scenario.requests);
          }
        undisturbed.finish();
      }
}

TEST_CASE("given up from inside every call on a stream") {
  for (const Scenario& scenario : doubled())
    for (const Kind& kind : kinds()) {
      FilterRig undisturbed(scenario, slow_peers, kind.make);
      undisturbed.rig.play();
      undisturbed.finish();
      for (std::size_t at = 0; at < undisturbed.rig.fault.calls; ++at) {
        CAPTURE(at);
        FilterRig f(scenario, slow_peers, kind.make);
        f.rig.fault.inside_at = at;
        f.rig.fault.inside = [&f] { f.rig.close_client_within_turn(); };
        f.rig.play();
        f.finish();
      }
    }
}

TEST_CASE("an answer that is cut short stays so") {
  const Scenario s = doubled().back();
  for (const Kind& kind : kinds()) {
    FilterRig f(s, {}, kind.make);
    f.rig.play();
    CHECK(f.rig.closed);
    CHECK(f.outcome().failure == UpstreamFailure::truncated);
    CHECK(f.outcome().cause == RefusalCause::none);
    CHECK(f.client().find("<end>") == std::string::npos);
    f.finish();
  }
}

TEST_CASE("bytes_out is what the client got") {
  FilterRig f(doubled()[0], {}, one<DoublingFilter>(std::size_t{5}));
  f.rig.play();
  f.finish();
  CHECK(f.outcome().bytes_out == 8);
}

TEST_CASE("only an upstream's answer with a body is offered to filters") {
  struct Row {
    const char* scenario;
    std::size_t asked;
  };
  const Row rows[] = {{"get", 1},
                      {"head", 1},  // of two requests
                      {"no_content_and_not_modified", 1},
                      {"early_hints", 1},
                      {"tunnel", 0},
                      {"unknown_host", 0},
                      {"upstream_without_an_answer", 0},
                      {"no_upstream", 0}};
  for (const Row& row : rows) {
    CAPTURE(row.scenario);
    bool found = false;
    for (const Scenario& scenario : scenarios()) {
      if (scenario.name != row.scenario) continue;
      found = true;
      FilterRig f(scenario, {}, one<IdentityFilter>());
      f.rig.play();
      f.finish();
      CHECK(f.source.asked == row.asked);
    }
    CHECK(found);
  }
}

TEST_CASE("a large body in bounded memory, the client slow") {
  const std::string body(1 << 20, 'x');
  const Scenario s{"", {{"", get("/")}}, {{{head_end, answer(body)}}}};
  RunOptions options;
  options.upstream.every = 60'000;
  options.client_room = 4096;
  FilterRig f(s, options, one<DoublingFilter>(std::size_t{1000}));
  std::size_t most = 0;
  f.rig.each_event = [&] { most = std::max(most, f.rig.turn.buffers().lent_bytes()); };
  f.rig.play();
  CHECK(most <= 4 * net::bytes_of(net::BlockSize::large));
  f.finish();
  CHECK(f.outcome().bytes_out == 2 * body.size());
}

TEST_CASE("a filter that breaks its word or fails") {
  for (const Misdeed misdeed :
       {Misdeed{Misdeed::fails, 0}, Misdeed{Misdeed::fails, 3}, Misdeed{Misdeed::promises_less, 0},
        Misdeed{Misdeed::promises_more, 0}})
    for (const std::size_t every : {0u, 1u}) {
      CAPTURE(misdeed.kind);
      CAPTURE(every);
      const Scenario s{"", {{"", get("/")}}, {{{head_end, answer("abcdef")}}}};
      FilterRig f(s, {.upstream = {{}, every}}, one<BadFilter>(misdeed));
      f.rig.play();
      CHECK(f.rig.closed);  // at once, not by a deadline
      CHECK(f.outcome().cause == RefusalCause::response_filter);
      CHECK(f.outcome().failure == UpstreamFailure::none);
      f.finish();
      CHECK(f.rig.records.all.size() == 1);
    }
}

TEST_CASE("bytes that a full client did not take and nobody offers again") {
  const Scenario s{
      "",
      {{"", get("/")}},
      // More than what is gathered in front of the client.
      {{{head_end, chunked_answer("5000\r\n" + std::string(20480, 'x') + "\r\n0\r\n\r\n")}}}};
  FilterRig f(s, {.client_room = 300}, one<BadFilter>(Misdeed{Misdeed::forgets, 0}));
  f.rig.play();
  CHECK(f.client().find("<end>") == std::string::npos);
  CHECK(f.outcome().cause == RefusalCause::response_filter);
  f.finish();
}

TEST_CASE("what may not stand in a head is a 502, and nothing of it is sent") {
  for (const auto kind : {Misdeed::bad_value, Misdeed::framing_field}) {
    const Scenario s{"", {{"", get("/")}, leave("502")}, {{{head_end, answer("abcdef")}}}};
    FilterRig f(s, {}, one<BadFilter>(Misdeed{kind, 0}));
    f.rig.play();
    CHECK(f.client().starts_with("HTTP/1.1 502 "));
    CHECK(f.client().find("Set-Cookie") == std::string::npos);
    CHECK(f.outcome().cause == RefusalCause::response_filter);
    f.finish();
  }
}
