// Requests whose domain has to be looked up first.
#include <doctest/doctest.h>

#include "session_scenarios.hpp"
#include "wire_text.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

config::Settings cold_settings(config::Settings settings) {
  settings.domains.clear();
  settings.directory.modules.upstream = {"app", {}};
  settings.directory.modules.path = {"{path}", {}};
  return settings;
}

// The same conversation, with the domain in the directory instead of the settings.
Scenario cold(Scenario s) {
  s.name += " cold";
  s.settings = cold_settings(s.settings);
  s.directory = [](ColdDirectory& d) { d.add("a.test", "agency-1"); };
  return s;
}

Scenario simple(std::function<void(ColdDirectory&)> directory,
                const std::string& until = "</html>") {
  Scenario s{"simple",
             {{"", get("/x?y=1", "Accept: text/html\r\n")}, leave(until)},
             {{{"\r\n\r\n", answer("hello")}}}};
  s.settings = cold_settings(s.settings);
  s.directory = std::move(directory);
  return s;
}

struct Answered {
  std::string text;
  Outcome outcome;
};
Answered run(const Scenario& scenario, const RunOptions& options = {}) {
  ProxyRig rig(scenario, options);
  rig.play();
  rig.pass_time();
  rig.check_over();
  REQUIRE(rig.records.all.size() == 1);
  return {wire_text(rig.client_wire.out), rig.records.all[0].outcome};
}

}  // namespace

TEST_CASE("cold route: every conversation is the same as with the domain at hand") {
  for (const Scenario& warm : scenarios()) {
    CAPTURE(warm.name);
    const Scenario same = cold(warm);
    for (const std::size_t grain : {0u, 1u, 25u}) {
      RunOptions options;
      options.client.every = options.upstream.every = grain;
      ProxyRig a(warm, options), b(same, options);
      a.play();
      b.play();
      if (warm.client_same) CHECK(wire_text(a.client_wire.out) == wire_text(b.client_wire.out));
      if (warm.upstream_same) CHECK(wire_text(a.upstream_out()) == wire_text(b.upstream_out()));
      b.pass_time();
      b.check_over();
      CHECK(b.records.all.size() == warm.requests);
    }
  }
}

TEST_CASE("cold route: any read or write fails") {
  for (const Scenario& scenario : scenarios()) {
    const Scenario same = cold(scenario);
    CAPTURE(same.name);
    ProxyRig whole(same, {});
    whole.play();
    for (std::size_t at = 0; at < whole.fault.calls; ++at) {
      for (const auto status : {net::IoStatus::failed, net::IoStatus::closed}) {
        RunOptions options;
        options.fault_at = at;
        options.fault = status;
        ProxyRig rig(same, options);
        rig.play();
        rig.pass_time();
        rig.check_over();
      }
    }
  }
}

TEST_CASE("cold route: all fall silent, or the connection is closed, after any event") {
  for (const Scenario& scenario : scenarios()) {
    const Scenario same = cold(scenario);
    CAPTURE(same.name);
    ProxyRig whole(same, {});
    whole.play();
    for (std::size_t after = 0; after < whole.events; ++after) {
      CAPTURE(after);
      RunOptions options;
      options.silent_after = after;
      {
        ProxyRig rig(same, options);
        rig.play();
        rig.pass_time();
        rig.check_over();
      }
      ProxyRig rig(same, options);
      rig.play();
      rig.close_client();
      rig.allow_events(Fault::never);
      rig.play();
      rig.pass_time();
      CHECK(rig.exchanges.in_use() == 0);
      CHECK(rig.slot_users() == 0);
      while (rig.cold->step()) rig.finish_turn();
      CHECK(rig.cold->routes.waiting() == 0);
    }
  }
}

TEST_CASE("cold route: a directory that never answers ends in 503 in time") {
  for (const Scenario& scenario : scenarios()) {
    CAPTURE(scenario.name);
    RunOptions options;
    options.directory_silent = true;
    ProxyRig rig(cold(scenario), options);
    rig.play();
    rig.pass_time();
    rig.check_over();
    REQUIRE(!rig.records.all.empty());
  }
  RunOptions silent;
  silent.directory_silent = true;
  const Answered a = run(simple([](ColdDirectory&) {}), silent);
  CHECK(a.text.find("503 Service Unavailable") != std::string::npos);
  CHECK(a.outcome.cause == RefusalCause::directory_unavailable);
}

TEST_CASE("cold route: unknown, unavailable, and the pages of states") {
  Answered a = run(simple([](ColdDirectory&) {}));
  CHECK(a.outcome.status == 404);
  CHECK(a.outcome.cause == RefusalCause::unknown_host);
  CHECK(a.text.find("This domain is not connected") != std::string::npos);

  a = run(simple([](ColdDirectory& d) { d.down = true; }));
  CHECK(a.outcome.status == 503);
  CHECK(a.outcome.cause == RefusalCause::directory_unavailable);
  CHECK(a.text.find("Retry-After: ") != std::string::npos);

  a = run(simple([](ColdDirectory& d) { d.add("a.test", "1").agency_status = "suspended"; }));
  CHECK(a.outcome.status == 503);
  CHECK(a.outcome.cause == RefusalCause::agency_suspended);
  a = run(simple([](ColdDirectory& d) { d.add("a.test", "1").installation_enabled = false; }));
  CHECK(a.outcome.cause == RefusalCause::installation_disabled);
  a = run(simple([](ColdDirectory& d) { d.add("a.test", "1").site_published = false; }));
  CHECK(a.outcome.status == 404);
  CHECK(a.outcome.cause == RefusalCause::site_unpublished);
  a = run(simple(
      [](ColdDirectory& d) { d.add("a.test", "1").status = routing::DomainStatus::disabled; }));
  CHECK(a.outcome.cause == RefusalCause::domain_disabled);
}

TEST_CASE("cold route: a redirect row keeps path and query, and the method") {
  const auto moved = [](bool preserve) {
    return [preserve](ColdDirectory& d) {
      auto& row = d.add("a.test", "1");
      row.kind = routing::RecordKind::redirect;
      row.redirect = routing::RedirectTo{*base::parse_hostname("b.test").name,
                                         routing::RedirectType::found_302, preserve};
      d.add("b.test", "1");
    };
  };
  Answered a = run(simple(moved(true), "\r\n\r\n"));
  CHECK(a.outcome.status == 302);
  CHECK(a.text.find("Location: http://b.test:80/x?y=1\r\n") +
            a.text.find("Location: http://b.test/x?y=1\r\n") !=
        2 * std::string::npos);
  a = run(simple(moved(false), "\r\n\r\n"));
  CHECK(a.text.find("b.test/?y=1\r\n") != std::string::npos);
  Scenario post = simple(moved(true), "\r\n\r\n");
  post.client[0].send = get("/x", "Content-Length: 5\r\n", "POST") + "hello";
  CHECK(run(post).outcome.status == 307);
}

TEST_CASE("cold route: a body that waited for a redirect is read away") {
  Scenario s{"post",
             {{"", get("/x", "Content-Length: 5\r\n", "POST")},
              {"", "hel"},
              {"", "lo" + get("/y")},
              leave("b.test/y\r\n")},
             {},
             2};
  s.settings = cold_settings(s.settings);
  s.directory = [](ColdDirectory& d) {
    auto& row = d.add("a.test", "1");
    row.kind = routing::RecordKind::redirect;
    row.redirect = routing::RedirectTo{*base::parse_hostname("b.test").name,
                                       routing::RedirectType::moved_301, true};
    d.add("b.test", "1");
  };
  ProxyRig rig(s, {});
  rig.play();
  CHECK(rig.client_wire.out.find("b.test/y\r\n") != std::string::npos);
  rig.pass_time();
  rig.check_over();
  REQUIRE(rig.records.all.size() == 2);
  CHECK(rig.records.all[0].outcome.status == 308);
}

TEST_CASE("cold route: settings are reloaded while a request waits") {
  Scenario s = cold({"get", {{"", get("/x")}, leave("hello")}, {{{"\r\n\r\n", answer("hello")}}}});
  RunOptions options;
  options.directory_silent = true;
  ProxyRig rig(s, options);
  rig.play();
  CHECK(rig.cold->routes.waiting() == 1);
  rig.reload(s.settings);
  CHECK(rig.snapshots_alive() == 2);  // until it is told
  while (rig.cold->step()) rig.finish_turn();
  CHECK(rig.snapshots_alive() == 1);
  rig.play();
  CHECK(rig.client_wire.out.find("hello") != std::string::npos);
  rig.pass_time();
  rig.check_over();
}

TEST_CASE("cold route: a domain that moves while a request runs under it") {
  Scenario s = cold({"two",
                     {{"", get("/1")}, {"one", get("/2")}, leave("two")},
                     {{{"\r\n\r\n", answer("one")}, {"\r\n\r\n", answer("two")}}},
                     2});
  ProxyRig rig(s, {});
  bool moved = false;
  rig.each_event = [&] {
    if (moved || rig.upstream_out().find("agency-1") == std::string::npos) return;
    moved = true;
    rig.cold->directory.add("a.test", "agency-2");
    rig.cold->change({routing::Change::What::agency, "agency-1"});
  };
  rig.play();
  CHECK(moved);
  const std::string out = rig.upstream_out();
  CHECK(out.find("agency-1") < out.find("/2"));
  CHECK(out.find("agency-2") > out.find("/2"));
  CHECK(out.find("agency-2") != std::string::npos);
  rig.pass_time();
  rig.check_over();
}

namespace {

struct Waiting final : RouteTable::Waiter {
  void on_route_known() override { ++told; }
  int told = 0;
};

}  // namespace

TEST_CASE("route table: settings first, then the directory; one look-up for all who wait") {
  routing::CacheTime now{std::chrono::hours(1000)};
  config::Settings settings = rig_settings();
  settings.hosts.app_hosts = {{"app.test", {}}};
  settings.hosts.app_upstream = {"app", {}};
  settings.hosts.sites_base = {"sites.test", {}};
  settings.hosts.sites_upstream = {"app", {}};
  settings.directory.modules.upstream = {"app", {}};
  settings.directory.modules.path = {"{path}", {}};
  tls::IntermediateSet intermediates;
  RouteTable::Options options;
  options.unknown_burst = 3;
  options.unknown_rate = 0.001;
  ColdRoutes cold([&now] { return now; }, options);
  cold.routes.install(std::make_shared<Snapshot>(settings, intermediates));
  using Status = RouteTable::Status;
  Waiting waiting;
  const auto client = *base::IpAddress::parse("192.0.2.7");
  RouteTable::Ticket ticket = 0;
  const auto ask = [&](std::string_view host, std::uint64_t handshake = 0) {
    RouteTable::Asker asker{handshake ? nullptr : &waiting, handshake, &client};
    return cold.routes.find(host, now, asker, &ticket).status;
  };
  const auto settle = [&] {
    while (cold.step()) {
    }
  };
  for (const char* host : {"a.test", "app.test"}) {
    cold.directory.add(host, "thief");
    CHECK(ask(host) == Status::known);
  }
  CHECK(cold.directory.finds == 0);
  // A label below the base is asked for; a tenant's row for it does not count.
  cold.directory.add("bakery.sites.test", "thief");
  CHECK(ask("bakery.sites.test") == Status::pending);
  settle();
  CHECK(ask("bakery.sites.test") == Status::unknown);
  cold.directory.add("bakery.sites.test", "a1").kind = routing::RecordKind::site_subdomain;
  cold.change({routing::Change::What::name, "bakery.sites.test"});
  CHECK(ask("bakery.sites.test") == Status::pending);
  settle();
  CHECK(ask("bakery.sites.test") == Status::known);

  cold.directory.add("b.test", "b");
  const int finds = cold.directory.finds;
  waiting.told = 0;
  CHECK(ask("b.test") == Status::pending);
  CHECK(ask("b.test") == Status::pending);
  CHECK(ask("b.test", 7) == Status::pending);
  CHECK(ask("b.test", 7) == Status::pending);
  CHECK(ask("b.test", 9) == Status::pending);
  cold.routes.cancel(ticket);
  settle();
  CHECK(cold.directory.finds == finds + 1);
  CHECK(waiting.told == 1);
  CHECK(cold.told.size() == 2);
  CHECK(ask("b.test") == Status::known);
  CHECK(ask("www.b.test") == Status::pending);
  settle();
  CHECK(ask("www.b.test") == Status::known);
  CHECK(ask("192.0.2.1") == Status::unknown);

  // Without anybody who could wait nothing is begun.
  CHECK(cold.routes.find("c.test", now, {}).status == Status::unavailable);
  CHECK(cold.directory.open.empty());
}
