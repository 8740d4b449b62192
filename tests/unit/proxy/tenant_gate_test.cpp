// The tenant middleware as a gate, with callers that a test made.
#include "proxy/tenant_gate.hpp"

#include <doctest/doctest.h>

#include "identity/caller.hpp"
#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

// As an access check does.
class CallerGate final : public Gate {
 public:
  explicit CallerGate(std::string user) : user_(std::move(user)) {}
  identity::Caller says;  // beside the user
  Verdict enter(Exchange& exchange, GateAnswer&) override {
    if (user_.empty()) return Verdict::pass;
    auto caller = std::make_shared<identity::Caller>(says);
    caller->user = user_;
    exchange.set_caller(std::move(caller));
    return Verdict::pass;
  }

 private:
  std::string user_;
};
// Keeps what came through.
class LastGate final : public Gate {
 public:
  Verdict enter(Exchange& exchange, GateAnswer&) override {
    ++passed;
    if (exchange.caller()) caller = *exchange.caller();
    return Verdict::pass;
  }
  int passed = 0;
  identity::Caller caller;
};

// Answers when it is told to.
class Tables final : public identity::TenantDirectory {
 public:
  void ask(const identity::TenantKey& key, Done done) override {
    asked.push_back(key);
    if (down) return done({});
    identity::TenantAnswer answer;
    answer.ok = true;
    if (key.question == identity::TenantQuestion::memberships && key.first == "user-1")
      answer.facts.memberships.push_back({"agency-1", "admin", "active"});
    if (key.question == identity::TenantQuestion::site && key.first == "site-1")
      answer.facts.site = identity::TenantSite{"site-1", "agency-1", "client-1"};
    if (key.question == identity::TenantQuestion::site && key.first == "site-2")
      answer.facts.site = identity::TenantSite{"site-2", "agency-2", "client-2"};
    done(std::move(answer));
  }
  std::vector<identity::TenantKey> asked;
  bool down = false;
};

struct Run {
  Run(const std::string& user, const std::string& request, bool down = false,
      const identity::Caller& says = {})
      : caller(user),
        scenario{"tenant", {{"", request}, leave("}")}, {{{"\r\n\r\n", answer("{}")}}}} {
    config::HostClasses& hosts = scenario.settings.hosts;
    hosts.app_hosts.push_back({"app.test", {}});
    caller.says = says;
    hosts.app_upstream = {"app", {}};
    scenario.settings.tenants.membership = true;
    tables.down = down;
    rig = std::make_unique<ProxyRig>(scenario, RunOptions{});
    gate = std::make_unique<TenantGate>(
        rig->turn, &cache, [this](std::function<void()> job) { jobs.push_back(std::move(job)); });
    rig->services.gate(GateKind::access) = &caller;
    rig->services.gate(GateKind::tenant) = gate.get();
    rig->services.gate(GateKind::limits) = &last;
    rig->play();
    while (!jobs.empty()) {
      const auto job = std::move(jobs.front());
      jobs.erase(jobs.begin());
      job();
      rig->finish_turn();
      rig->play();
    }
    rig->pass_time();
    rig->check_over();
    text = wire_text(rig->client_wire.out);
  }
  bool says(std::string_view part) const { return text.find(part) != std::string::npos; }

  Tables tables;
  identity::TenantCache cache{tables, {}};
  std::vector<std::function<void()>> jobs;
  CallerGate caller;
  LastGate last;
  Scenario scenario;
  std::unique_ptr<ProxyRig> rig;
  std::unique_ptr<TenantGate> gate;
  std::string text;
};

std::string ask(const std::string& path, const std::string& fields = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: app.test\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("tenant gate: nobody is unauthorized, in the platform's words") {
  const Run r("", ask("/api/sites"));
  CHECK(r.says("HTTP/1.1 401 "));
  CHECK(r.says("{\"error\":\"Unauthorized\",\"code\":\"AUTH_REQUIRED\"}"));
  CHECK(r.last.passed == 0);
  CHECK(r.tables.asked.empty());
  CHECK(r.rig->records.all.at(0).outcome.cause == RefusalCause::tenant_refused);
}

TEST_CASE("tenant gate: a member passes with agency, role and site") {
  for (const char* request : {"/api/x?site_id=site-1", "/api/x"}) {
    const Run r("user-1", ask(request, std::string_view(request) == "/api/x"
                                           ? "Cookie: a=b; current_site_id=site-1\r\n"
                                           : ""));
    CHECK(r.says("HTTP/1.1 200 "));
    CHECK(r.last.caller.agency == "agency-1");
    CHECK(r.last.caller.role == "admin");
    CHECK(r.last.caller.site == "site-1");
  }
  const Run field("user-1", ask("/api/x?site_id=site-1", "X-Site-Id: site-1\r\n"));
  CHECK(field.last.caller.site == "site-1");
  const Run none("user-1", ask("/api/x"));
  CHECK(none.last.caller.agency == "agency-1");
  CHECK(none.last.caller.site.empty());
}

TEST_CASE("tenant gate: refusals") {
  const Run stranger("user-2", ask("/api/x"));
  CHECK(stranger.says("HTTP/1.1 403 "));
  CHECK(stranger.says("\"code\":\"NO_AGENCY\""));
  const Run other("user-1", ask("/api/x", "X-Site-Id: site-2\r\n"));
  CHECK(other.says("HTTP/1.1 403 "));
  CHECK(other.says("\"code\":\"SITE_ACCESS_DENIED\""));
  const Run twin("user-1", ask("/api/x", "X_Site_Id: site-2\r\n"));
  CHECK(twin.says("\"code\":\"SITE_ACCESS_DENIED\""));
  const Run unknown("user-1", ask("/api/x?site_id=site-9"));
  CHECK(unknown.says("HTTP/1.1 404 "));
  CHECK(unknown.says("\"code\":\"SITE_NOT_FOUND\""));
  const Run two("user-1", ask("/api/x", "X-Site-Id: site-1\r\nX-Site-Id: site-2\r\n"));
  CHECK(two.says("HTTP/1.1 400 "));
  const Run apart("user-1", ask("/api/x?site_id=site-1", "X-Site-Id: site-2\r\n"));
  CHECK(apart.says("\"code\":\"SITE_AMBIGUOUS\""));
  std::string many = "/api/x?site_id=site-1";
  for (int i = 0; i < 8; ++i) many += "&site_id=" + std::string(i < 7 ? "site-1" : "site-2");
  const Run hidden("user-1", ask(many));
  CHECK(hidden.says("HTTP/1.1 400 "));
  for (const Run* r : {&stranger, &other, &twin, &unknown, &two, &apart, &hidden}) {
    CHECK(r->last.passed == 0);
    CHECK(r->rig->upstream_out().empty());
  }
}

TEST_CASE("tenant gate: a token opens nothing but what it is for") {
  identity::Caller token;
  token.bound_site = "site-1";
  token.bound_module = "module-1";
  const Run own("user-1", ask("/api/x?site_id=site-1"), false, token);
  CHECK(own.last.caller.site == "site-1");
  // It names its site itself.
  const Run silent("user-1", ask("/api/x"), false, token);
  CHECK(silent.last.caller.site == "site-1");
  CHECK(silent.last.caller.agency == "agency-1");
  const Run module("user-1", ask("/api/modules/module-1/api/x"), false, token);
  CHECK(module.last.passed == 1);
  const Run other("user-1", ask("/api/modules/module-2/api/x"), false, token);
  CHECK(other.says("\"code\":\"SITE_ACCESS_DENIED\""));
  token.bound_site = "site-2";
  const Run site("user-1", ask("/api/x?site_id=site-1"), false, token);
  CHECK(site.says("\"code\":\"SITE_ACCESS_DENIED\""));
  token.bound_site = "";
  token.bound_agency = "agency-2";
  const Run agency("user-1", ask("/api/x"), false, token);
  CHECK(agency.says("\"code\":\"NO_AGENCY\""));
  for (const Run* r : {&other, &site, &agency}) CHECK(r->last.passed == 0);
}

TEST_CASE("tenant gate: public paths and pages pass, tricks do not") {
  for (const char* path : {"/api/auth/login", "/api/webhook", "/", "/page", "/apiary"}) {
    CAPTURE(path);
    CHECK(Run("", ask(path)).last.passed == 1);
  }
  for (const char* path :
       {"/api/authx", "/api/auth/../sites", "/api/auth/%2e%2e/sites", "//api/sites", "/%61pi/sites",
        "/API/sites", "/api/AUTH/x", "/api/auth;x/../y"}) {
    CAPTURE(path);
    CHECK(Run("", ask(path)).last.passed == 0);
  }
}

TEST_CASE("tenant gate: when the tables cannot be asked, nobody passes") {
  const Run r("user-1", ask("/api/x"), true);
  CHECK(r.says("HTTP/1.1 503 "));
  CHECK(r.says("Retry-After: "));
  CHECK(r.last.passed == 0);
}
