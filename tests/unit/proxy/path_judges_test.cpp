// Everybody who judges paths must know the same readings: what is a guarded path for
// one is none of a harmless path for another.
#include <doctest/doctest.h>

#include "identity/access_policy.hpp"
#include "proxy/gate_set.hpp"
#include "proxy/policy/module_path.hpp"
#include "proxy/policy/path_rules.hpp"

using namespace marquee;
using namespace marquee::proxy;
using routing::HostClass;

namespace {

config::Settings with_rule(std::vector<std::string> hosts) {
  config::Settings settings;
  config::AccessRule rule;
  rule.paths = {"/api/modules/m/api"};
  rule.accept = {config::Credential::jwt};
  rule.hosts = std::move(hosts);
  settings.access.rules = {rule};
  return settings;
}

}  // namespace

TEST_CASE("all judges of paths know one another's spellings") {
  const policy::PathRules lists({"/api/modules/m/api"}, {});
  const identity::AccessPolicy rules(with_rule({}).access);
  for (const char* target :
       {"/api/modules/m/api",        "/api/modules/m/api%00",       "/api/modules/m/api%00/x",
        "/api/modules/m/api%09",     "/%0aapi/modules/m/api",       "/%c0%afapi/modules/m/api",
        "/api/modules/m/api%3fx",    "/api/modules/m/api%23x",      "/api/modules/m/api.",
        "/api/modules/m/api%20",     "/api/modules/m/api;x",        "/api/modules/m/API",
        "/api;/modules/m/api",       "/api/modules/m%2fapi",        "/api\\modules/m/api",
        "//api/modules/m/api",       "/x/../api/modules/m/api",     "/%2561pi/modules/m/api",
        "/api./modules./m/api.../x", "/%e0%80%afapi/modules/m/api", "/api/modules/m/api%2500",
        "/api/.;x/modules/m/api",    "/.../api/modules/m/api"}) {
    CAPTURE(target);
    std::string buffer;
    CHECK(lists.judge(policy::read_path(target, buffer)) != policy::PathVerdict::served);
    const auto found = rules.find("GET", target, HostClass::app);
    CHECK((found.ambiguous || found.rule));
    const auto module = policy::module_of(target, {true, "", ""});
    CHECK((module.unclear || !module.path.empty()));
  }
}

TEST_CASE("where gates judge paths, ambiguous ones are refused before them") {
  CHECK_FALSE(gates_judge_paths(HostClass::app, {}));
  CHECK(gates_judge_paths(HostClass::app, with_rule({})));
  CHECK(gates_judge_paths(HostClass::custom, with_rule({"custom"})));
  CHECK_FALSE(gates_judge_paths(HostClass::app, with_rule({"custom"})));
  config::Settings settings;
  settings.tenants.membership = true;
  CHECK(gates_judge_paths(HostClass::app, settings));
  CHECK_FALSE(gates_judge_paths(HostClass::custom, settings));
  for (bool config::Tenants::*feature :
       {&config::Tenants::module_apis, &config::Tenants::cors, &config::Tenants::frame_ancestors}) {
    config::Settings other;
    other.tenants.*feature = true;
    CHECK(gates_judge_paths(HostClass::custom, other));
  }
}
