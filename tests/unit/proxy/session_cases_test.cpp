// Single cases of a session that the conversations do not reach: exact sizes,
// what is kept from one request to the next, limits, draining.
#include <doctest/doctest.h>

#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

// Plays to the end, then checks that nothing is left.
struct Played {
  explicit Played(const Scenario& scenario, const RunOptions& options = {})
      : rig(scenario, options) {
    rig.play();
    events = rig.events;
    closed_in_time = rig.closed;
    rig.pass_time();
    rig.check_over();
  }
  std::size_t answers() const {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = rig.client_wire.out.find("HTTP/1.1 ", at)) != std::string::npos;
         ++at)
      ++n;
    return n;
  }
  ProxyRig rig;
  std::size_t events = 0;
  bool closed_in_time = false;  // without a deadline
};

// A head of exactly `size` bytes.
std::string head_of(std::size_t size, const std::string& fields, const std::string& method) {
  std::string head = get("/", fields + "X-Fill: \r\n", method);
  head.insert(head.size() - 4, std::string(size - head.size(), 'x'));
  return head;
}

std::string pattern(std::size_t size) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>('a' + i * 7 % 23);
  return s;
}

}  // namespace

TEST_CASE("a head that just fits its block does not keep its body out") {
  for (const std::size_t size : {16'370u, 16'380u, 16'383u, 16'384u, 16'385u, 16'390u, 20'000u}) {
    CAPTURE(size);
    const std::string body = pattern(5000);
    const Scenario s{
        "",
        {{"", head_of(size, "Content-Length: 5000\r\n", "POST")}, {"", body}, leave("thanks")},
        {{{body, answer("thanks")}}}};
    const Played p(s);
    CHECK(p.closed_in_time);
    CHECK(p.answers() == 1);
    CHECK(p.events < 40);  // and not in crumbs
  }
}

TEST_CASE("a refused head says nothing of the request before it") {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Scenario s{"",
             {{"", get("/secret", "traceparent: " + parent + "\r\nX-Request-Id: theirs\r\n")},
              {"hello", "GET / HTTP/1.1\nHost: a.test\r\n\r\n"},
              leave("400")},
             {{{"\r\n\r\n", answer("hello")}}},
             2};
  s.settings.forwarding.trust_request_id = true;
  const Played p(s);
  REQUIRE(p.rig.records.all.size() == 2);
  CHECK(p.rig.records.all[0].request_id == "theirs");
  CHECK(p.rig.records.all[0].trace_id == parent.substr(3, 32));
  CHECK(p.rig.records.all[1].request_id.size() == 36);
  CHECK(p.rig.records.all[1].trace_id != parent.substr(3, 32));
  CHECK(p.rig.client_wire.out.find("theirs") == std::string::npos);
}

TEST_CASE("a head that never comes has its record, and nothing of the request before it") {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const Scenario s{"",
                   {{"", get("/", "traceparent: " + parent + "\r\n")}, {"hello", "GET /"}},
                   {{{"\r\n\r\n", answer("hello")}}},
                   2};
  const Played p(s);
  REQUIRE(p.rig.records.all.size() == 2);
  CHECK(p.rig.records.all[1].outcome.cause == RefusalCause::slow_head);
  CHECK(p.rig.records.all[1].outcome.status == 408);
  CHECK(p.rig.records.all[1].trace_id != parent.substr(3, 32));
}

TEST_CASE("pipelined requests are answered though the client has ended its side") {
  const Scenario s{
      "",
      {{"", get("/1") + get("/2") + get("/3"), Action::fin}},
      {{{"\r\n\r\n", answer("one")}, {"\r\n\r\n", answer("two")}, {"\r\n\r\n", answer("three")}}},
      3};
  const Played p(s);
  CHECK(p.answers() == 3);
  CHECK(p.rig.records.all.size() == 3);
}

TEST_CASE("many interim answers in one run") {
  std::string hints;
  for (int i = 0; i < 60; ++i)
    hints += "HTTP/1.1 103 Early Hints\r\nLink: </" + pattern(1500) + ">\r\n\r\n";
  for (const std::size_t every : {0u, 5000u, 70'000u}) {
    CAPTURE(every);
    const Scenario s{"", {{"", get("/")}, leave("page")}, {{{"\r\n\r\n", hints + answer("page")}}}};
    RunOptions options;
    options.upstream.every = every;
    const Played p(s, options);
    CHECK(p.answers() == 61);
    CHECK(p.rig.records.all.at(0).outcome.status == 200);
  }
}

TEST_CASE("too many interim answers are refused") {
  std::string hints;
  for (int i = 0; i < 101; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  const Scenario s{"", {{"", get("/")}, leave("502")}, {{{"\r\n\r\n", hints + answer("page")}}}};
  const Played p(s);
  CHECK(p.rig.records.all.at(0).outcome.refusal == http::Refusal::too_many_interim);
}

TEST_CASE("large bodies go both ways in bounded memory, whoever is slow") {
  const std::string body = pattern(1 << 20);
  const std::string size = std::to_string(body.size());
  for (const bool slow_client : {true, false})
    for (const bool chunked : {true, false}) {
      CAPTURE(slow_client);
      CAPTURE(chunked);
      const std::string framed = chunked ? "100000\r\n" + body + "\r\n0\r\n\r\n" : body;
      const std::string field =
          chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + size + "\r\n";
      const Scenario s{"",
                       {{"", get("/", field, "PUT") + framed},
                        leave(chunked ? "0\r\n\r\n" : body.substr(body.size() - 40))},
                       {{{chunked ? "0\r\n\r\n" : body.substr(body.size() - 40),
                          "HTTP/1.1 200 OK\r\n" + field + "\r\n" + framed}}}};
      RunOptions options;
      options.client.every = options.upstream.every = 60'000;
      (slow_client ? options.client_room : options.upstream_room) = 4096;
      ProxyRig rig(s, options);
      std::size_t most = 0;
      rig.each_event = [&] { most = std::max(most, rig.turn.buffers().lent_bytes()); };
      rig.play();
      CHECK(rig.closed);
      CHECK(most <= 4 * net::bytes_of(net::BlockSize::large));
      CHECK(wire_text(rig.client_wire.out).find(body) != std::string::npos);
      CHECK(wire_text(rig.upstream_out()).find(body) != std::string::npos);
      rig.pass_time();
      rig.check_over();
      CHECK(rig.records.all.at(0).outcome.bytes_in == body.size());
      CHECK(rig.records.all.at(0).outcome.bytes_out == body.size());
    }
}

TEST_CASE("a retried request has its body and trailers again") {
  const Scenario s{"",
                   {{"", get("/1")},
                    {"one", get("/2", "Transfer-Encoding: chunked\r\n", "PUT") +
                                "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"},
                    leave("two")},
                   {{{"\r\n\r\n", answer("one")}, {"X-Sum: 1\r\n\r\n", "", Action::fin}},
                    {{"X-Sum: 1\r\n\r\n", answer("two")}}},
                   2};
  const Played p(s);
  CHECK(p.closed_in_time);
  CHECK(p.rig.records.all.at(1).outcome.retries == 1);
  CHECK(wire_text(p.rig.pool->connections.at(1)->wire.out).find("abc<end>X-Sum: 1\r\n") !=
        std::string::npos);
}

TEST_CASE("a POST that may have arrived is not sent twice") {
  const Scenario s{
      "",
      {{"", get("/1")}, {"one", get("/2", "Content-Length: 3\r\n", "POST") + "abc"}, leave("502")},
      {{{"\r\n\r\n", answer("one")}, {"abc", "", Action::fin}}, {{"abc", answer("two")}}},
      2};
  const Played p(s);
  CHECK(p.rig.pool->connections.size() == 1);
  CHECK(p.rig.records.all.at(1).outcome.failure == UpstreamFailure::closed);
}

TEST_CASE("body larger than the limit: 413, in both framings") {
  for (const bool chunked : {true, false}) {
    Scenario s{"",
               {{"", chunked ? get("/", "Transfer-Encoding: chunked\r\n", "POST") +
                                   "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"
                             : get("/", "Content-Length: 10\r\n", "POST") + "helloworld"},
                leave("413")},
               {{}}};
    s.settings.limits.request_body = 8;
    const Played p(s);
    CHECK(p.rig.records.all.at(0).outcome.cause == RefusalCause::body_too_large);
    CHECK(p.rig.client_wire.out.find("Connection: close\r\n") != std::string::npos);
  }
}

TEST_CASE("the last request that a connection may make is told so") {
  Scenario s{"",
             {{"", get("/1") + get("/2") + get("/3")}},
             {{{"\r\n\r\n", answer("one")}, {"\r\n\r\n", answer("two")}}},
             2};
  s.settings.limits.requests_per_connection = 2;
  const Played p(s);
  CHECK(p.answers() == 2);
  CHECK(p.rig.client_wire.out.find("Connection: close\r\n") > p.rig.client_wire.out.find("one"));
}

TEST_CASE("draining: an idle session ends, a busy one after its answer") {
  const Scenario s{"", {{"", get("/1")}}, {{{"never", ""}}}};
  RunOptions options;
  ProxyRig idle(s, {.silent_after = 0});
  idle.client->drain();
  CHECK(idle.client_wire.shut);
  idle.pass_time();
  idle.check_over();
  CHECK(idle.records.all.empty());

  const Scenario busy_scenario{
      "", {{"", get("/1")}, leave("one")}, {{{"\r\n\r\n", answer("one")}}}};
  ProxyRig busy(busy_scenario, {.silent_after = 1});
  busy.play();
  busy.client->drain();
  busy.allow_events(Fault::never);
  busy.play();
  CHECK(busy.client_wire.out.find("Connection: close\r\n") != std::string::npos);
  CHECK(busy.client_wire.shut);
  busy.pass_time();
  busy.check_over();
}

TEST_CASE("an answer that is cut short never looks whole") {
  struct Row {
    const char* name;
    std::string version, answer;
    bool reset;  // nothing but a reset can say so
  };
  const Row rows[] = {
      {"length", "1.1", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false},
      {"chunked", "1.1", chunked_answer("3\r\nabc\r\n"), false},
      {"within a chunk", "1.1", chunked_answer("9\r\nabc"), false},
      {"before the last line's end", "1.1", chunked_answer("3\r\nabc\r\n0\r\n"), false},
      {"length for HTTP/1.0", "1.0", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false},
      {"chunked for HTTP/1.0", "1.0", chunked_answer("3\r\nabc\r\n"), true},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    const Scenario s{
        "", {{"", get("/", "", "GET", row.version)}}, {{{"\r\n\r\n", row.answer, Action::fin}}}};
    const Played p(s);
    CHECK(p.closed_in_time);
    CHECK(p.rig.closed_by_reset == row.reset);
    CHECK(wire_text(p.rig.client_wire.out).find("<end>") == std::string::npos);
    CHECK(p.rig.client_wire.out.find("abc") != std::string::npos);
    CHECK(p.rig.records.all.at(0).outcome.failure == UpstreamFailure::truncated);
  }
  // Reset within a body that only the connection's end ends.
  const Scenario s{"",
                   {{"", get("/")}},
                   {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nabc"}, {"", "", Action::reset}}}};
  const Played p(s);
  CHECK(wire_text(p.rig.client_wire.out).find("<end>") == std::string::npos);
}

TEST_CASE("an upstream's answer for nobody does not reach the next request") {
  // Two answers for one request: the second dies with its connection.
  const Scenario s{"",
                   {{"", get("/1")}, {"one", get("/2")}, leave("two")},
                   {{{"\r\n\r\n", answer("one") + answer("bad")}}, {{"\r\n\r\n", answer("two")}}},
                   2};
  for (std::size_t cut = 0; cut < s.upstreams[0][0].send.size(); ++cut) {
    if (cut == answer("one").size())
      continue;  // then it comes after the next request: nobody can tell
    CAPTURE(cut);
    RunOptions options;
    options.upstream.cuts = {cut};
    const Played p(s, options);
    CHECK(p.rig.client_wire.out.find("bad") == std::string::npos);
    CHECK(p.rig.client_wire.out.find("two") != std::string::npos);
  }
}

namespace {

// The answer's head comes while the request is still open.
Scenario two_way(std::string more_of_request, std::string more_of_answer) {
  Scenario s{"",
             {{"", get("/", "Content-Length: 100\r\n", "POST") + "first"},
              {"one", std::move(more_of_request)}},
             {{{"first", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none"},
               {"second", std::move(more_of_answer)}}}};
  s.settings.timeouts.body = config::Ms(10'000);
  s.settings.upstreams[0].read_idle = config::Ms(60'000);
  return s;
}

struct TwoWay {
  explicit TwoWay(const Scenario& scenario, const RunOptions& options = {})
      : rig(scenario, options), begun(rig.turn.now()) {
    rig.play();
    rig.pass_time();
    rig.check_over();
    REQUIRE(rig.records.all.size() == 1);
  }
  const Outcome& outcome() const { return rig.records.all[0].outcome; }
  config::Ms took() const { return std::chrono::duration_cast<config::Ms>(rig.turn.now() - begun); }
  ProxyRig rig;
  net::TimePoint begun;
};

}  // namespace

TEST_CASE("a request that rests behind its answer's head has read_idle, not the floor") {
  const TwoWay p(two_way("", ""));
  CHECK(p.outcome().status == 200);
  CHECK(p.outcome().loss == ClientLoss::idle);
  CHECK(p.outcome().failure == UpstreamFailure::none);  // nobody's fault
  CHECK(p.took() >= config::Ms(60'000));
}

TEST_CASE("before the answer's head the floor holds") {
  Scenario s = two_way("", "");
  s.upstreams = {{{"never", ""}}};
  const TwoWay p(s);
  CHECK(p.outcome().loss == ClientLoss::too_slow);
  CHECK(p.outcome().status == 408);
}

TEST_CASE("an upstream that goes silent when the request is complete is to blame") {
  const TwoWay p(two_way(std::string(95, 's'), ""));
  CHECK(p.outcome().loss == ClientLoss::none);
  CHECK(p.outcome().failure == UpstreamFailure::idle_timeout);
}
