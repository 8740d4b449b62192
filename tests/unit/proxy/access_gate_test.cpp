// The gate of access rules before a directory of keys that answers when it is told to.
#include "proxy/access_gate.hpp"

#include <doctest/doctest.h>

#include "base/base64.hpp"
#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

class SlowKeys final : public identity::KeyDirectory {
 public:
  void find_api_key(const std::string&, ApiKeyFound done) override {
    asked.push_back(std::move(done));
  }
  void find_consumer(const std::string&, const std::string&, ConsumerFound) override {}
  void find_embed_token(const std::string&, const std::string&, EmbedFound) override {}

  // Nobody has it.
  void answer(std::size_t i) {
    std::exchange(asked.at(i), nullptr)({identity::KeyFound::absent, {}, {}});
  }
  std::vector<ApiKeyFound> asked;
};

config::Settings guarding(const std::string& path, std::vector<std::string> methods = {}) {
  config::Settings settings = rig_settings();
  config::AccessRule& rule = settings.access.rules.front();
  rule.paths = {path};
  rule.methods = std::move(methods);
  rule.accept = {config::Credential::api_key, config::Credential::embed};
  settings.access.embed.legacy = true;
  settings.access.wrong_burst = 1000;
  return settings;
}

std::string key_of(std::size_t i) { return "dmc_live_" + std::to_string(1'000'000'000 + i); }

struct Gated {
  explicit Gated(const config::Settings& settings) : metrics(registry) {
    registry.start(1);
    turn.set_time(net::TimePoint(std::chrono::hours(1)), 1'700'000'000'000);
    gate = std::make_unique<AccessGate>(turn, metrics, registry.cells(0), 42,
                                        [](std::function<void()> job) { job(); });
    gate->use_keys(&keys);
    gate->install(settings);
  }
  // A client with a request of its own, up to where it waits.
  ProxyRig& ask(const std::string& request, const std::string& address = "192.0.2.7") {
    const Scenario scenario{
        "one", {{"", request}, leave("\r\n\r\n")}, {{{"\r\n\r\n", answer("hello")}}}};
    rigs.push_back(std::make_unique<ProxyRig>(scenario, RunOptions{}));
    ProxyRig& rig = *rigs.back();
    rig.client->client = *base::IpAddress::parse(address);
    rig.client->client_text = address;
    rig.services.gate(GateKind::access) = gate.get();
    rig.play();
    return rig;
  }
  ProxyRig& show(std::size_t key, const std::string& address = "192.0.2.7") {
    return ask(get("/api/x", "X-Api-Key: " + key_of(key) + "\r\n"), address);
  }
  // Its first answer's status; 0: there is none yet.
  int status(ProxyRig& rig) {
    rig.finish_turn();
    rig.play();
    const std::string text = wire_text(rig.client_wire.out);
    return text.size() < 12 ? 0 : std::stoi(text.substr(9, 3));
  }
  void end() {
    for (std::size_t i = 0; i < keys.asked.size(); ++i)
      if (keys.asked[i]) keys.answer(i);
    for (auto& rig : rigs) {
      status(*rig);
      rig->pass_time();
      rig->check_over();
    }
  }

  base::Registry registry;
  ProxyMetrics metrics;
  net::Turn turn;
  SlowKeys keys;
  std::unique_ptr<AccessGate> gate;
  std::vector<std::unique_ptr<ProxyRig>> rigs;
};

// As the platform writes them, signed by nobody.
std::string legacy_embed(std::size_t site, std::int64_t expires) {
  return base::base64url_encode("{\"siteId\":\"s" + std::to_string(site) +
                                "\",\"moduleId\":\"m\",\"exp\":" + std::to_string(expires) + "}");
}

}  // namespace

TEST_CASE("access gate: one network may have a quarter of the look-ups under way") {
  Gated g(guarding("/api"));
  const std::size_t share = AccessGate::kMostQuestions / 4;
  for (std::size_t i = 0; i < share; ++i) g.show(i, "192.0.2." + std::to_string(i % 250));
  CHECK(g.keys.asked.size() == share);
  CHECK(g.status(g.show(share)) == 503);
  CHECK(g.status(g.show(0)) == 0);  // the same key is asked for already
  CHECK(g.keys.asked.size() == share);
  CHECK(g.status(g.show(share + 1, "198.51.100.1")) == 0);  // another network
  CHECK(g.keys.asked.size() == share + 1);
  g.keys.answer(3);
  CHECK(g.status(*g.rigs[3]) == 401);
  CHECK(g.status(g.show(share + 2)) == 0);  // its place is free again
  CHECK(g.keys.asked.size() == share + 2);
  g.end();
}

TEST_CASE("access gate: who asks after a revocation waits for no question from before") {
  Gated g(guarding("/api"));
  g.show(1);
  g.show(1);
  CHECK(g.keys.asked.size() == 1);
  SUBCASE("all") { g.gate->forget({}); }
  SUBCASE("one") {
    identity::Sha256 sha256;
    g.gate->forget({sha256.of(key_of(1))});
  }
  ProxyRig& after = g.show(1);
  REQUIRE(g.keys.asked.size() == 2);
  g.keys.answer(0);
  CHECK(g.status(*g.rigs[0]) == 401);
  CHECK(g.status(after) == 0);
  g.keys.answer(1);
  CHECK(g.status(after) == 401);
  g.end();
}

TEST_CASE("access gate: a path that is ambiguous under new settings is refused, also late") {
  Gated g(guarding("/"));
  ProxyRig& rig = g.ask(get("/%61pi/x", "X-Api-Key: " + key_of(1) + "\r\n"));
  REQUIRE(g.keys.asked.size() == 1);
  g.gate->install(guarding("/api"));
  g.keys.answer(0);
  CHECK(g.status(rig) == 400);
  CHECK(rig.pool->connections.empty());
  g.end();
}

TEST_CASE("access gate: unsigned tokens that say they have expired count as wrong") {
  config::Settings settings = guarding("/embed");
  settings.access.wrong_burst = 10;
  settings.access.wrong_rate = 0.001;
  Gated g(settings);
  for (std::size_t i = 0; i < 15; ++i) {
    const std::string token = "?token=" + legacy_embed(i, 1000);
    CHECK(g.status(g.ask(get("/embed/m/s" + token))) == (i < 10 ? 401 : 429));
  }
  CHECK(g.status(g.ask(get("/embed/m/s?token=" + legacy_embed(99, 1000)), "198.51.100.1")) == 401);
  g.end();
}

TEST_CASE("access gate: a method is what upstreams make of it") {
  Gated g(guarding("/api", {"post", "GET"}));
  for (const char* method : {"POST", "post", "Post", "GET", "get", "HEAD", "head"})
    CHECK_MESSAGE(g.status(g.ask(get("/api", "", method))) == 401, method);
  for (const char* method : {"PUT", "DELETE"})
    CHECK_MESSAGE(g.status(g.ask(get("/api", "", method))) == 200, method);
  g.end();
}
