// Filters that wait: for their verdict, for a body, with its end. Each party may
// go meanwhile, and every wait has a limit.
#include <doctest/doctest.h>

#include "filter_rig.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

const std::string head_end = "\r\n\r\n";

// Long enough that it does not fit beside its head in one small read.
const std::string body(300, 'b');

std::vector<Scenario> waiting() {
  std::vector<Scenario> all;
  all.push_back({"length",
                 {{"", get("/")}, leave(body)},
                 {{{head_end, answer(body, "X-Kept: " + body + "\r\n")}}}});
  all.push_back({"no bytes",
                 {{"", get("/")}, leave("Content-Length: 0\r\n\r\n")},
                 {{{head_end, answer("")}}}});
  all.push_back({"trailers only",
                 {{"", get("/")}, leave("X-End: yes\r\n\r\n")},
                 {{{head_end, chunked_answer("0\r\nX-End: yes\r\n\r\n")}}}});
  all.push_back({"chunked with trailers",
                 {{"", get("/")}, leave("X-End: yes\r\n\r\n")},
                 {{{head_end, chunked_answer("3\r\nabc\r\n0\r\nX-End: yes\r\n\r\n")}}}});
  all.push_back(
      {"trailers of a connection that is gone at once",
       {{"", get("/")}, leave("X-End: yes\r\n\r\n")},
       {{{head_end, chunked_answer("3\r\nabc\r\n0\r\nX-End: yes\r\n\r\n"), Action::fin}}}});
  all.push_back({"until close",
                 {{"", get("/")}, leave("0\r\n\r\n")},
                 {{{head_end, "HTTP/1.1 200 OK\r\n\r\nx", Action::fin}}}});
  all.push_back({"two on one connection",
                 {{"", get("/1") + get("/2")}, leave("two")},
                 {{{head_end, answer("one")}, {head_end, answer("two")}}},
                 2});
  all.push_back(
      {"early answer to a body",
       {{"", get("/", "Content-Length: 6\r\n", "POST") + "abc"}, {"no", "def"}, leave("")},
       {{{head_end, answer("no")}}}});
  return all;
}

std::string plain(const Scenario& scenario, const RunOptions& options) {
  ProxyRig rig(scenario, options);
  rig.play();
  rig.pass_time();
  return wire_text(rig.client_wire.out);
}

}  // namespace

TEST_CASE("a verdict that comes late, after any event") {
  for (const Scenario& scenario : waiting())
    for (const HeadVerdict verdict : {HeadVerdict::pass, HeadVerdict::engage})
      for (const RunOptions& options :
           {RunOptions{}, RunOptions{.upstream = {{}, 9}, .client_room = 17}}) {
        CAPTURE(scenario.name);
        CAPTURE(static_cast<int>(verdict));
        const std::string expected = plain(scenario, options);
        for (std::size_t after = 1; after < 60; ++after) {
          CAPTURE(after);
          HeldFilter gate;
          FilterRig f(scenario, options, gated(gate));
          std::size_t waited = 0;
          const auto decide = [&] {
            gate.head = verdict;
            gate.wake();
            f.rig.finish_turn();
            gate.head.reset();
            waited = 0;
          };
          f.rig.each_event = [&] {
            if (gate.filter && f.rig.client && ++waited == after) decide();
          };
          f.rig.play();
          for (std::size_t more = 0; more < scenario.requests && gate.filter; ++more) {
            decide();
            f.rig.play();
          }
          CHECK(f.rig.closed);
          CHECK(f.client() == expected);
          f.finish();
          CHECK(f.rig.records.all.size() == scenario.requests);
          CHECK(f.outcome().cause == RefusalCause::none);
        }
      }
}

TEST_CASE("one party goes, or the settings do, while the verdict is awaited") {
  const Scenario s{"", {{"", get("/")}}, {{{head_end, answer(body)}}}};
  SUBCASE("the client") {
    HeldFilter gate;
    Scenario leaving = s;
    leaving.client.push_back({"", "", Action::reset});
    FilterRig f(leaving, {}, gated(gate));
    f.rig.play();
    CHECK(f.rig.closed);
    CHECK_FALSE(gate.filter);
    CHECK(f.outcome().loss == ClientLoss::reset);
    gate.wake();
    f.finish();
  }
  SUBCASE("its connection, from outside") {
    HeldFilter gate;
    FilterRig f(s, {}, gated(gate));
    f.rig.play();
    REQUIRE(gate.filter);
    CHECK(f.rig.client_wire.out.empty());
    f.rig.close_client();
    CHECK_FALSE(gate.filter);
    f.finish();
    CHECK(f.rig.records.all.size() == 1);
  }
  SUBCASE("the upstream: what it has sent is not whole") {
    HeldFilter gate;
    Scenario cut{"", {{"", get("/")}}, {{{head_end, answer(body).substr(0, 60), Action::reset}}}};
    FilterRig f(cut, {}, gated(gate));
    f.rig.play();
    gate.head = HeadVerdict::engage;
    gate.wake();
    f.rig.finish_turn();
    f.rig.play();
    CHECK(f.outcome().failure == UpstreamFailure::truncated);
    f.finish();
  }
  SUBCASE("nobody, and no verdict comes: 502 after read_idle") {
    HeldFilter gate;
    FilterRig f(s, {}, gated(gate));
    f.rig.play();
    f.finish();
    CHECK(f.client().starts_with("HTTP/1.1 502 "));
    CHECK(f.outcome().cause == RefusalCause::response_filter);
    CHECK(f.outcome().status == 502);
    CHECK(f.rig.records.all.size() == 1);
  }
  SUBCASE("the settings") {
    HeldFilter gate;
    FilterRig f(s, {}, gated(gate));
    f.rig.play();
    f.rig.reload(s.settings);
    CHECK(f.rig.snapshots_alive() == 1);
    gate.head = HeadVerdict::engage;
    gate.wake();
    f.rig.finish_turn();
    CHECK(f.client().find(body) != std::string::npos);
    f.finish();
  }
  SUBCASE("the request: its body grows beyond the limit") {
    HeldFilter gate;
    Scenario big{"",
                 {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") + "3\r\nabc\r\n"},
                  {"", "9\r\nabcdefghi\r\n0\r\n\r\n"}},
                 {{{"abc", answer(body)}}}};
    big.settings.limits.request_body = 8;
    FilterRig f(big, {}, gated(gate));
    f.rig.play();
    f.finish();
    CHECK(f.rig.records.all.size() == 1);
  }
}

TEST_CASE("a body that a filter does not take yet stops the upstream, and goes on") {
  for (const Scenario& scenario : waiting()) {
    CAPTURE(scenario.name);
    const std::string expected = plain(scenario, {});
    HeldFilter gate;
    gate.head = HeadVerdict::engage;
    gate.body_open = false;
    FilterRig f(scenario, {}, gated(gate));
    f.rig.play();
    for (std::size_t i = 0; i < scenario.requests && gate.filter; ++i) {
      gate.body_open = true;
      gate.wake();
      f.rig.finish_turn();
      gate.body_open = i + 1 == scenario.requests;
      f.rig.play();
    }
    CHECK(f.client() == expected);
    f.finish();
    CHECK(f.rig.records.all.size() == scenario.requests);
  }
}

TEST_CASE("the end that a filter holds: the upstream is free meanwhile, trailers are kept") {
  for (const Scenario& scenario : waiting()) {
    CAPTURE(scenario.name);
    const std::string expected = plain(scenario, {});
    HeldFilter gate;
    gate.head = HeadVerdict::engage;
    gate.end_open = false;
    FilterRig f(scenario, {}, gated(gate));
    for (std::size_t i = 0; i < scenario.requests; ++i) {
      f.rig.play();
      REQUIRE(gate.filter);
      CHECK(f.rig.pool->quiet());
      CHECK(f.rig.records.all.size() == i);
      gate.end_open = true;
      gate.wake();
      gate.end_open = false;
      CHECK(f.rig.records.all.size() == i + 1);
      f.rig.finish_turn();
    }
    f.rig.play();
    CHECK(f.client() == expected);
    f.finish();
  }
}

TEST_CASE("a filter that never goes on has read_idle, and then the answer is broken off") {
  for (const bool at_end : {false, true}) {
    CAPTURE(at_end);
    const Scenario s{"", {{"", get("/")}}, {{{head_end, answer(body)}}}};
    HeldFilter gate;
    gate.head = HeadVerdict::engage;
    (at_end ? gate.end_open : gate.body_open) = false;
    FilterRig f(s, {}, gated(gate));
    f.rig.play();
    CHECK_FALSE(f.rig.closed);
    f.finish();
    CHECK(f.outcome().cause == RefusalCause::response_filter);
    CHECK(f.outcome().failure == UpstreamFailure::none);
    CHECK(f.outcome().loss == ClientLoss::none);
  }
}

TEST_CASE("a head does not wait for a filter that swallows the flush") {
  const Scenario s{
      "", {{"", get("/")}}, {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"}}}};
  FilterRig f(s, {}, one<BadFilter>(Misdeed{Misdeed::swallows_flush, 0}));
  f.rig.play();
  CHECK(f.client().find("Content-Length: 9\r\n") != std::string::npos);
  f.finish();
}

TEST_CASE("an upstream that stands still is still the one to blame") {
  const Scenario s{"", {{"", get("/")}}, {{{head_end, answer(body).substr(0, 80)}}}};
  FilterRig f(s, {}, one<IdentityFilter>());
  f.rig.play();
  f.finish();
  CHECK(f.outcome().failure == UpstreamFailure::idle_timeout);
  CHECK(f.outcome().cause == RefusalCause::none);
}

TEST_CASE("a client that takes nothing is lost, whoever holds the rest") {
  const Scenario s{"", {{"", get("/")}}, {{{head_end, answer(body)}}}};
  FilterRig f(s, {.client_room = 0}, one<DoublingFilter>(std::size_t{5000}));
  f.rig.allow_events(6);
  f.rig.play();
  f.finish();
  CHECK(f.outcome().loss == ClientLoss::too_slow);
  CHECK(f.outcome().cause == RefusalCause::none);
}

TEST_CASE("a head edited before and after a wait") {
  const Scenario s{
      "",
      {{"", get("/")}, leave(body)},
      {{{head_end, answer(body, "Vary: Origin\r\nETag: \"1\"\r\nX-B: 1\r\nX-B: 2\r\n")}}}};
  HeldFilter gate;
  gate.edit = [](ResponseHeadEdit& head) {
    CHECK(head.status() == 200);
    CHECK(head.content_length() == body.size());
    CHECK(head.field("content-length").empty());
    std::string vary(head.field("vary"));
    head.set("vary", vary + ", X");
    head.set("x-new", std::string("value"));
    head.set("x-b", "3");
    head.remove("etag");
  };
  // The body comes apart, and is read to where the head was.
  const std::string& sent = s.upstreams[0][0].send;
  FilterRig f(s, {.upstream = {{sent.find(head_end) + 4}}}, gated(gate));
  f.rig.play();
  gate.head = HeadVerdict::engage;
  gate.wake();
  f.rig.finish_turn();
  f.rig.play();
  const std::string out = f.client();
  CHECK(out.find("Vary: Origin, X, X\r\n") != std::string::npos);
  CHECK(out.find("x-new: value\r\n") != std::string::npos);
  CHECK(out.find("X-B: 3\r\n") != std::string::npos);
  CHECK(out.find("X-B: 2") == std::string::npos);
  CHECK(out.find("ETag") == std::string::npos);
  CHECK(out.find(body) != std::string::npos);
  f.finish();
}
