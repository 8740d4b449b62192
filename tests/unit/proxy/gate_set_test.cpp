// Which gates a domain's requests meet.
#include "proxy/gate_set.hpp"

#include <doctest/doctest.h>

#include "config/settings.hpp"
#include "routing/domain.hpp"

using namespace marquee;
using namespace marquee::proxy;

namespace {
routing::Domain domain_of(routing::HostClass host = routing::HostClass::custom) {
  routing::Domain domain(*base::parse_hostname("shop.example").name);
  domain.host_class = host;
  return domain;
}
}  // namespace

TEST_CASE("gate set: nothing is asked, nothing is met") {
  CHECK(gates_of(domain_of(), {}).empty());
}

TEST_CASE("gate set: each section of the settings brings its gate") {
  const auto met = [](const config::Settings& settings, routing::HostClass host, GateKind kind) {
    GateSet gates = gates_of(domain_of(host), settings);
    return gates.has(kind) && gates.take_first() == kind && gates.empty();
  };
  constexpr auto custom = routing::HostClass::custom;
  constexpr auto app = routing::HostClass::app;
  config::Settings s;
  s.tenants.cors = true;
  CHECK(met(s, custom, GateKind::origin));
  s = {};
  s.tenants.frame_ancestors = true;
  CHECK(met(s, custom, GateKind::origin));
  s = {};
  s.access.rules.emplace_back();
  CHECK(met(s, custom, GateKind::access));
  s = {};
  s.tenants.module_apis = true;
  CHECK(met(s, custom, GateKind::module));
  s = {};
  s.rate_limits.rules.emplace_back();
  CHECK(met(s, custom, GateKind::limits));
  s.rate_limits.rules.clear();
  CHECK_FALSE(met(s, custom, GateKind::limits));
  // Numbers in the directory's rows are rules, too.
  s.tenants.cors = true;
  s.directory.kind = config::DirectoryKind::sqlite;
  CHECK(met(s, custom, GateKind::limits));
  s.rate_limits.rows = config::RowLimits::off;
  CHECK_FALSE(met(s, custom, GateKind::limits));
  s = {};
  s.tenants.membership = true;
  CHECK(met(s, app, GateKind::tenant));
  CHECK(gates_of(domain_of(), s).empty());  // custom hosts have no members
  s = {};
  s.hosts.app_visitors.passwords.push_back({"user:hash", {}});
  CHECK(met(s, app, GateKind::password));
  CHECK_FALSE(met(s, custom, GateKind::password));
}

TEST_CASE("gate set: a domain's own word on visitors goes before its class's") {
  config::Settings s;
  s.hosts.custom_visitors.passwords.push_back({"user:hash", {}});
  routing::Domain domain = domain_of();
  CHECK(gates_of(domain, s).has(GateKind::password));
  domain.visitors = std::make_shared<config::Visitors>();
  CHECK_FALSE(gates_of(domain, s).has(GateKind::password));
}

TEST_CASE("gate set: they are taken in order") {
  GateSet set;
  for (const auto kind : {GateKind::limits, GateKind::origin, GateKind::access}) set.add(kind);
  CHECK(set.take_first() == GateKind::origin);
  CHECK(set.take_first() == GateKind::access);
  CHECK(set.take_first() == GateKind::limits);
  CHECK(set.empty());
}
