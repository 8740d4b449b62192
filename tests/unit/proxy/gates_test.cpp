// Requests that pass gates, wait at them, or are answered at the edge.
#include <doctest/doctest.h>

#include "proxy/gate.hpp"
#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

// Says what it is told to, and keeps count.
class TestGate final : public Gate {
 public:
  explicit TestGate(Verdict verdict) : verdict_(verdict) {}

  Verdict enter(Exchange& exchange, GateAnswer& answer) override {
    ++entered;
    CHECK(exchange.plan() != nullptr);
    exchange.set_request_field("x-from-gate", "yes");
    exchange.set_response_field("Server", "gate");
    if (!target.empty()) exchange.send_to(0, target);
    if (withheld) exchange.withhold(withheld);
    if (judged) exchange.set_judged(judged);
    if (verdict_ == Verdict::wait) waiting = &exchange;
    if (verdict_ == Verdict::refuse) answer.content.status = 401;
    return verdict_;
  }
  void cancel(Exchange& exchange) override {
    CHECK(waiting == &exchange);
    waiting = nullptr;
    ++cancelled;
  }
  void left(Exchange& exchange) override {
    CHECK(waiting != &exchange);
    ++exits;
    if (wire) sent_before_exit = *wire;
  }
  // False: nobody waits.
  bool decide(Verdict verdict) {
    Exchange* const exchange = std::exchange(waiting, nullptr);
    if (!exchange) return false;
    GateAnswer answer;
    if (verdict == Verdict::refuse) {
      answer.content.status = 403;
      answer.content.content_type = "application/json";
      answer.content.body = "{\"no\":1}";
    }
    exchange->gate_decided(verdict, std::move(answer));
    return true;
  }

  Exchange* waiting = nullptr;
  std::string target;
  const std::string* wire = nullptr;  // what the client has got
  std::string sent_before_exit;
  std::shared_ptr<const std::vector<std::string>> withheld, judged;
  std::size_t entered = 0, exits = 0, cancelled = 0;

 private:
  Verdict verdict_;
};

Scenario simple(const std::string& until = "hello") {
  return {"simple",
          {{"", get("/x?y=1")}, leave(until)},
          {{{"\r\n\r\n", answer("hello", "Server: upstream\r\n")}}}};
}

struct Gated {
  Gated(const Scenario& scenario, std::initializer_list<TestGate*> gates,
        const RunOptions& options = {})
      : rig(scenario, options) {
    constexpr GateKind kinds[] = {GateKind::access, GateKind::limits};
    std::size_t n = 0;
    for (TestGate* gate : gates) rig.services.gate(kinds[n++]) = gate;
    rig.play();
  }
  std::string to_client() { return wire_text(rig.client_wire.out); }
  void decide(TestGate& gate, Gate::Verdict verdict) {
    REQUIRE(gate.decide(verdict));
    rig.finish_turn();
    rig.play();
  }
  void end() {
    rig.pass_time();
    rig.check_over();
  }
  ProxyRig rig;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("gates: both are passed in order, and set fields both ways") {
  TestGate first(Gate::Verdict::pass), second(Gate::Verdict::pass);
  second.target = "/elsewhere";
  Gated g(simple(), {&first, &second});
  g.end();
  CHECK(has(g.rig.upstream_out(), "GET /elsewhere HTTP/1.1\r\n"));
  CHECK(has(g.rig.upstream_out(), "x-from-gate: yes\r\n"));
  CHECK(has(g.to_client(), "Server: gate\r\n"));
  CHECK_FALSE(has(g.to_client(), "Server: upstream"));
  CHECK(first.entered == 1);
  CHECK(first.exits == 1);
  CHECK(second.exits == 1);
}

// Else a client that has its answer could be refused because of it, at another worker.
TEST_CASE("gates: left before the client can have the whole answer") {
  const std::pair<std::string, std::string> cases[] = {
      {answer("hello"), "hello"},
      {answer(""), "\r\n\r\n"},
      {chunked_answer("5\r\nhello\r\n0\r\n\r\n"), "\r\n0\r\n\r\n"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n"}};
  for (const auto& [from_upstream, last] : cases)
    for (const std::size_t every : {0u, 1u}) {
      CAPTURE(from_upstream);
      CAPTURE(every);
      TestGate gate(Gate::Verdict::pass);
      ProxyRig rig({"simple", {{"", get("/")}, leave(last)}, {{{"\r\n\r\n", from_upstream}}}},
                   {.upstream = {{}, every}});
      rig.services.gate(GateKind::access) = &gate;
      gate.wire = &rig.client_wire.out;
      rig.play();
      CHECK(gate.exits == 1);
      CHECK(has(rig.client_wire.out, last));
      CHECK_FALSE(has(gate.sent_before_exit, last));
      rig.pass_time();
      rig.check_over();
    }
}

TEST_CASE("gates: a refusal is answered, and no upstream and no later gate sees the request") {
  TestGate first(Gate::Verdict::refuse), second(Gate::Verdict::pass);
  Gated g(simple("</html>"), {&first, &second});
  g.end();
  CHECK(has(g.to_client(), "HTTP/1.1 401 "));
  CHECK(has(g.to_client(), "Server: gate\r\n"));
  CHECK(g.rig.upstream_out().empty());
  CHECK(first.exits == 1);
  CHECK(second.entered == 0);
  CHECK(second.exits == 0);
}

TEST_CASE("gates: a wait ends either way") {
  for (const auto verdict : {Gate::Verdict::pass, Gate::Verdict::refuse}) {
    TestGate first(Gate::Verdict::wait), second(Gate::Verdict::pass);
    Gated g(simple(verdict == Gate::Verdict::pass ? "hello" : "}"), {&first, &second});
    CHECK(g.rig.upstream_out().empty());
    CHECK(second.entered == 0);
    g.decide(first, verdict);
    g.end();
    CHECK(has(g.to_client(), verdict == Gate::Verdict::pass ? "hello" : "{\"no\":1}"));
    CHECK(second.entered == (verdict == Gate::Verdict::pass ? 1 : 0));
    CHECK(first.cancelled == 0);
    CHECK(first.exits == 1);
  }
}

TEST_CASE("gates: a body waits with its request, and is read on after either verdict") {
  const std::string body(300'000, 'b');
  for (const auto verdict : {Gate::Verdict::pass, Gate::Verdict::refuse}) {
    TestGate gate(Gate::Verdict::wait);
    Scenario s{"post",
               {{"", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n" + body},
                leave(verdict == Gate::Verdict::pass ? "hello" : "}")},
               {{{std::string(100, 'b'), answer("hello")}}}};
    Gated g(s, {&gate});
    CHECK(g.rig.upstream_out().empty());
    g.decide(gate, verdict);
    g.end();
    CHECK(has(g.to_client(), verdict == Gate::Verdict::pass ? "hello" : "{\"no\":1}"));
  }
}

TEST_CASE("gates: what a gate withholds is taken out of trailers, whenever they came") {
  const auto names = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"remote-user", "x-set"});
  const auto judged =
      std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"x-kind"});
  for (const std::string body : {"", "5\r\nhello\r\n"}) {
    Scenario s{"post",
               {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") + body +
                         "0\r\nRemote-User: evil\r\nREMOTE-USER: evil\r\nX-Set: evil\r\n"
                         "X-Kind: evil\r\nX-From-Gate: evil\r\nX-Plan: evil\r\n"
                         "X-Gone: evil\r\nX-Real-IP: evil\r\nX-Sum: 1\r\n\r\n"},
                leave("thanks")},
               {{{"X-Sum: 1\r\n\r\n", answer("thanks")}}}};
    s.settings.domains.front().request_fields.set = {{"X-Plan", "free"}};
    s.settings.domains.front().request_fields.remove = {"X-Gone"};
    TestGate slow(Gate::Verdict::wait), late(Gate::Verdict::pass);
    late.withheld = names;
    late.judged = judged;
    Gated g(s, {&slow, &late});
    g.decide(slow, Gate::Verdict::pass);
    g.end();
    CHECK(has(g.to_client(), "thanks"));
    CHECK(has(g.rig.upstream_out(), "X-Sum: 1\r\n"));
    CHECK_MESSAGE(!has(g.rig.upstream_out(), "evil"), g.rig.upstream_out());
  }
}

TEST_CASE("gates: a client that leaves during the wait is not decided about") {
  TestGate gate(Gate::Verdict::wait);
  Scenario s = simple();
  s.client[1] = {"", "", Action::reset};
  Gated g(s, {&gate});
  CHECK(gate.cancelled == 1);
  CHECK(gate.exits == 1);
  CHECK_FALSE(gate.decide(Gate::Verdict::pass));
  g.end();
}

TEST_CASE("gates: the connection is closed over a wait") {
  TestGate gate(Gate::Verdict::wait);
  Gated g(simple(), {&gate});
  g.rig.close_client();
  CHECK(gate.cancelled == 1);
  CHECK(gate.exits == 1);
  g.end();
}

TEST_CASE("gates: a wait without an end has one all the same") {
  TestGate gate(Gate::Verdict::wait);
  Gated g(simple("</html>"), {&gate});
  g.end();
  CHECK(has(g.to_client(), "HTTP/1.1 503 "));
  CHECK(gate.cancelled == 1);
  CHECK(gate.exits == 1);
  REQUIRE(g.rig.records.all.size() == 1);
  CHECK(g.rig.records.all[0].outcome.cause == RefusalCause::gate_unavailable);
}

TEST_CASE("gates: every conversation is the same through a gate that makes it wait") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    if (!scenario.client_same || !scenario.upstream_same) continue;
    ProxyRig plain(scenario, {});
    plain.play();
    class Silent final : public Gate {
     public:
      Verdict enter(Exchange& e, GateAnswer&) override {
        waiting = &e;
        return Verdict::wait;
      }
      void cancel(Exchange&) override { waiting = nullptr; }
      Exchange* waiting = nullptr;
    } gate;
    ProxyRig rig(scenario, {});
    rig.services.gate(GateKind::access) = &gate;
    do {
      rig.play();
      if (Exchange* const e = std::exchange(gate.waiting, nullptr))
        e->gate_decided(Gate::Verdict::pass);
      rig.finish_turn();
    } while (rig.play(), gate.waiting);
    rig.pass_time();
    CHECK(wire_text(plain.client_wire.out) == wire_text(rig.client_wire.out));
    CHECK(rig.records.all.size() == scenario.requests);
    rig.check_over();
  }
}

namespace {
class Fixed final : public EdgeSource {
 public:
  bool answer(const EdgeRequest& request, LocalContent& content) override {
    if (request.request.method != http::Method::get) return false;
    known = request.plan != nullptr;
    content.content_type = "text/plain";
    content.body = "ours:" + std::string(request.path);
    return true;
  }
  bool known = false;
};
}  // namespace

TEST_CASE("edge paths: answered here, before or after the domain is known") {
  for (const auto when : {EdgePaths::When::any_host, EdgePaths::When::domain}) {
    Fixed source;
    TestGate gate(Gate::Verdict::pass);
    Scenario s{"edge", {{"", get("/.well-known/marquee/x?y")}, leave("ours:")}, {}};
    ProxyRig rig(s, {});
    rig.services.gate(GateKind::access) = &gate;
    rig.services.edge_paths.add("/.well-known/marquee/", EdgePaths::Match::prefix, when, source);
    rig.play();
    rig.pass_time();
    rig.check_over();
    CHECK(has(wire_text(rig.client_wire.out), "ours:/.well-known/marquee/x"));
    CHECK(source.known == (when == EdgePaths::When::domain));
    CHECK(gate.entered == 0);
  }
}

TEST_CASE("edge paths: exact and prefix, and nothing beside them") {
  Fixed a, b;
  EdgePaths paths;
  CHECK_FALSE(paths.may_hold("/"));
  paths.add("/keys.json", EdgePaths::Match::exact, EdgePaths::When::domain, a);
  paths.add("/.well-known/x/", EdgePaths::Match::prefix, EdgePaths::When::any_host, b);
  CHECK(paths.find("/keys.json", EdgePaths::When::domain) == &a);
  CHECK(paths.find("/keys.json", EdgePaths::When::any_host) == nullptr);
  CHECK(paths.find("/keys.json/", EdgePaths::When::domain) == nullptr);
  CHECK(paths.find("/.well-known/x/y", EdgePaths::When::any_host) == &b);
  CHECK(paths.find("/.well-known/x", EdgePaths::When::any_host) == nullptr);
  CHECK(paths.find("", EdgePaths::When::any_host) == nullptr);
}
