#include "config/change.hpp"

#include <doctest/doctest.h>

using namespace marquee::config;
using Fate = UpstreamChange::Fate;

namespace {

Listener at(const std::string& address) {
  Listener l;
  l.address = address;
  return l;
}

Upstream pool(const std::string& name, std::vector<std::string> endpoints) {
  Upstream u;
  u.name = name;
  for (auto& e : endpoints) u.endpoints.push_back({std::move(e), {}});
  return u;
}

UpstreamChange fate(const Upstream& old, const Upstream& next) {
  Settings a, b;
  a.upstreams = {old};
  b.upstreams = {next};
  const Change change = compare(a, b);
  REQUIRE(change.upstreams.size() == 1);
  return change.upstreams[0];
}

}  // namespace

TEST_CASE("nothing changed") {
  Settings s;
  s.listeners = {at("0.0.0.0:1"), at("127.0.0.1:0"), at("127.0.0.1:0")};
  s.upstreams = {pool("a", {"http://x"})};
  const Change change = compare(s, s);
  CHECK(change.listeners.kept ==
        std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {1, 1}, {2, 2}});
  CHECK(change.listeners.added.empty());
  CHECK(change.listeners.removed.empty());
  CHECK(change.upstreams[0].fate == Fate::same);
  CHECK(change.restart.empty());
  CHECK_FALSE(change.access_log);
  CHECK_FALSE(change.log);
  CHECK_FALSE(change.admin_token);
}

TEST_CASE("listeners are known by their address, wherever they stand") {
  Settings old, next;
  old.listeners = {at("0.0.0.0:1"), at("0.0.0.0:2"), at("127.0.0.1:0"), at("127.0.0.1:0")};
  next.listeners = {at("127.0.0.1:0"), at("0.0.0.0:3"), at("0.0.0.0:1")};
  next.listeners[2].protocol = ListenerProtocol::http;
  const Change change = compare(old, next);
  CHECK(change.listeners.kept == std::vector<std::pair<std::size_t, std::size_t>>{{2, 0}, {0, 2}});
  CHECK(change.listeners.added == std::vector<std::size_t>{1});
  CHECK(change.listeners.removed == std::vector<std::size_t>{1, 3});
}

TEST_CASE("pools go on where endpoint and TLS are equal") {
  const Upstream a = pool("a", {"http://x", "http://y"});
  Upstream b = pool("a", {"http://y", "http://x"});
  CHECK(fate(a, b).fate == Fate::same);
  b.max_idle = 1;
  CHECK(fate(a, b).fate == Fate::retuned);
  b.endpoints[0].value = "http://z";
  CHECK(fate(a, b).fate == Fate::altered);
  CHECK(fate(a, b).kept == std::vector<std::string>{"http://x"});
  b.tls.server_name = "other";
  CHECK(fate(a, b).fate == Fate::replaced);
  CHECK(fate(a, b).kept.empty());
  CHECK(fate(a, pool("a", {"http://q"})).fate == Fate::replaced);

  Settings old, next;
  old.upstreams = {a};
  next.upstreams = {pool("b", {"http://x"})};
  const Change change = compare(old, next);
  REQUIRE(change.upstreams.size() == 2);
  CHECK(change.upstreams[0].fate == Fate::removed);
  CHECK(change.upstreams[1].fate == Fate::added);
}

TEST_CASE("what waits for a restart is said, and stays as it is") {
  Settings old, next;
  next.workers = 4;
  next.state_dir = "/srv/m";
  next.admin.socket = "/run/a.sock";
  next.admin.address = "127.0.0.1:9";
  next.admin.token = "t";
  next.log.queue = 1u << 20;
  next.log.access_file = "/var/log/a";
  next.log.level = "debug";
  next.tls.certificate_cache = 1u << 20;
  next.tls.ticket_rotation = std::chrono::hours(1);
  next.tls.failed_handshake_burst = 7;
  next.tls.failed_handshake_rate = 0.5;
  const Change change = compare(old, next);
  REQUIRE(change.restart.size() == 9);
  CHECK(change.restart[0] ==
        "workers changed from auto to 4, which takes a restart; auto stays in force");
  CHECK(change.restart[1] ==
        "state_dir changed from \"/var/lib/marquee\" to \"/srv/m\", which takes a restart; "
        "\"/var/lib/marquee\" stays in force");
  CHECK(change.restart[4].find("log.queue changed from 16MiB to 1MiB") == 0);
  CHECK(change.restart[5].find("tls.certificate_cache changed from 256MiB to 1MiB") == 0);
  CHECK(change.restart[6].find("tls.ticket_rotation changed from 12h to 1h") == 0);
  CHECK(change.restart[7].find("tls.failed_handshake_burst changed from 100 to 7") == 0);
  CHECK(change.restart[8].find("tls.failed_handshake_rate changed from 10 to 0.5") == 0);
  CHECK(change.access_log);
  CHECK(change.log);
  CHECK(change.admin_token);

  const Settings in_force = until_restart(old, next);
  CHECK(in_force.workers == 0);
  CHECK(in_force.state_dir == old.state_dir);
  CHECK(in_force.log.level == "debug");
  CHECK(in_force.log.access_file == "/var/log/a");
  CHECK(in_force.admin.token == "t");
  CHECK(in_force.tls.failed_handshake_burst == 100);
  CHECK(compare(in_force, next).restart.size() == 9);
}

TEST_CASE("the backlog of a kept listener waits for a restart") {
  Settings old, next;
  old.listeners = {at("0.0.0.0:1"), at("0.0.0.0:2")};
  next.listeners = {at("0.0.0.0:3"), at("0.0.0.0:1")};
  next.listeners[0].backlog = next.listeners[1].backlog = 16;
  const Change change = compare(old, next);
  REQUIRE(change.restart.size() == 1);
  CHECK(change.restart[0].find("listeners[1].backlog changed from 4096 to 16") == 0);
  const Settings in_force = until_restart(old, next);
  CHECK(in_force.listeners[0].backlog == 16);
  CHECK(in_force.listeners[1].backlog == 4096);
}

TEST_CASE("an admin address that goes with its token keeps both until the restart") {
  Settings old, next;
  old.admin.address = "127.0.0.1:9";
  old.admin.token = "secret";
  CHECK(until_restart(old, next).admin.token == "secret");
  next.admin.token = "other";
  CHECK(until_restart(old, next).admin.token == "other");
  next.admin.token.clear();
  old.admin.address.clear();
  CHECK(until_restart(old, next).admin.token.empty());
}

TEST_CASE("a directory waits for a restart, and its secrets are not told") {
  Settings old, next;
  next.directory.kind = DirectoryKind::postgres;
  next.directory.url = "postgresql://user:hidden@db/x";
  const Change change = compare(old, next);
  REQUIRE(change.restart.size() == 1);
  CHECK(change.restart[0].find("directory") == 0);
  CHECK(change.restart[0].find("hidden") == std::string::npos);
  CHECK(until_restart(old, next).directory.kind == DirectoryKind::yaml);
  next = old;
  next.directory.mark.line = 7;
  CHECK(compare(old, next).restart.empty());
}

TEST_CASE("where a directory's rows lead follows a reload, with the same kind of source only") {
  Settings old, next;
  old.upstreams.resize(2);
  old.upstreams[0].name = "a";
  old.upstreams[1].name = "b";
  old.directory.kind = DirectoryKind::sqlite;
  old.directory.modules.upstream.value = "a";
  next = old;
  next.directory.modules.upstream.value = "b";
  next.directory.refused_agencies = {"late"};
  next.directory.serve_unpublished = true;
  CHECK(compare(old, next).restart.empty());
  Settings in_force = until_restart(old, next);
  CHECK(*in_force.directory.modules.upstream == "b");
  CHECK(in_force.directory.refused_agencies == std::vector<std::string>{"late"});
  CHECK(in_force.directory.serve_unpublished);
  CHECK(lost_pool(in_force).empty());

  next.directory.path = "/elsewhere";
  CHECK(compare(old, next).restart.size() == 1);
  CHECK(until_restart(old, next).directory.path.empty());
  CHECK(*until_restart(old, next).directory.modules.upstream == "b");

  next.directory = {};
  next.upstreams.erase(next.upstreams.begin());
  in_force = until_restart(old, next);
  CHECK(*in_force.directory.modules.upstream == "a");
  CHECK(lost_pool(in_force).find("\"a\"") != std::string::npos);
}
