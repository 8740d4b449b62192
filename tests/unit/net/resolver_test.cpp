#include "net/resolver.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "net/dns_server.hpp"

using namespace marquee::net;
using marquee::test::DnsServer;
using std::chrono::milliseconds;

namespace {

// The io_context runs until the condition holds, at most ten seconds.
template <typename Condition>
bool run_until(boost::asio::io_context& io, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    io.run_one_for(milliseconds(100));
    if (io.stopped()) io.restart();
  }
  return true;
}

struct Fixture {
  boost::asio::io_context io;
  DnsServer server{io};
  ResolverSettings settings() const {
    ResolverSettings s;
    s.servers = server.address();
    s.attempt = milliseconds(200);
    s.attempts = 2;
    return s;
  }
  ResolveResult ask(Resolver& resolver, const std::string& name) {
    std::optional<ResolveResult> result;
    resolver.resolve(name, [&](ResolveResult r) { result = std::move(r); });
    CHECK_FALSE(result.has_value());  // never from inside the call
    REQUIRE(run_until(io, [&] { return result.has_value(); }));
    CHECK((result->status == ResolveStatus::ok) == result->sentence.empty());
    CHECK((result->status == ResolveStatus::ok) == !result->addresses.empty());
    return *result;
  }
};

std::string texts(const std::vector<marquee::base::IpAddress>& all) {
  std::string out;
  for (const auto& a : all) out += (out.empty() ? "" : " ") + a.text();
  return out;
}

std::array<std::uint8_t, 16> v6(std::uint8_t last) {
  std::array<std::uint8_t, 16> a{0x20, 1, 0xD, 0xB8};
  a[15] = last;
  return a;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "resolver: A and AAAA together, sorted, each once") {
  server.table["app.example"] = {{{192, 0, 2, 9}, {192, 0, 2, 1}, {192, 0, 2, 9}}, {v6(1)}};
  Resolver resolver(io, settings());
  const ResolveResult r = ask(resolver, "App.Example.");
  CHECK(texts(r.addresses) == "192.0.2.1 192.0.2.9 2001:db8::1");
  server.table["six.example"] = {{}, {v6(2)}};
  CHECK(texts(ask(resolver, "six.example").addresses) == "2001:db8::2");
  CHECK(resolver.pending() == 0);
}

TEST_CASE_FIXTURE(Fixture, "resolver: answers are bounded, and the same sixteen stay") {
  auto& records = server.table["many.example"];
  for (std::uint8_t i = 0; i < 20; ++i)
    records.a.push_back({10, 0, 0, static_cast<std::uint8_t>(40 - i)});
  Resolver resolver(io, settings());
  const ResolveResult r = ask(resolver, "many.example");
  CHECK(r.addresses.size() == kMaxResolved);
  CHECK(r.addresses.front().text() == "10.0.0.21");
  CHECK(r.addresses.back().text() == "10.0.0.36");
}

TEST_CASE_FIXTURE(Fixture, "resolver: literals and localhost need no server") {
  Resolver resolver(io, settings());
  CHECK(texts(ask(resolver, "192.0.2.7").addresses) == "192.0.2.7");
  CHECK(texts(ask(resolver, "2001:DB8::7").addresses) == "2001:db8::7");
  CHECK(texts(ask(resolver, "[::1]").addresses) == "::1");
  for (const char* name : {"localhost", "LOCALHOST.", "bakery.localhost", "a.b.localhost"}) {
    CHECK(texts(ask(resolver, name).addresses) == "127.0.0.1 ::1");
  }
  CHECK(server.questions == 0);
  CHECK(ask(resolver, "notlocalhost").status == ResolveStatus::not_found);
  CHECK(server.questions > 0);
}

TEST_CASE_FIXTURE(Fixture, "resolver: every kind of failure has its status and names the name") {
  Resolver resolver(io, settings());
  const ResolveResult r = ask(resolver, "missing.example");
  CHECK(r.status == ResolveStatus::not_found);
  CHECK(r.sentence.find("missing.example") != std::string::npos);
  server.table["empty.example"] = {};
  CHECK(ask(resolver, "empty.example").status == ResolveStatus::not_found);
  server.table["broken.example"] = {{}, {}, 2};
  CHECK(ask(resolver, "broken.example").status == ResolveStatus::failed);
  server.table["garbage.example"] = {{{192, 0, 2, 1}}, {v6(1)}};
  server.table["garbage.example"].garbage = true;
  CHECK(ask(resolver, "garbage.example").status != ResolveStatus::ok);
  const int before = server.questions;
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a..b"), std::string("a b"),
        std::string(64, 'a'), std::string("a\\.b"), std::string("b\xC3\xBC.example"),
        std::string("a\0b", 3), std::string("[::1"), std::string("::1%lo"),
        std::string(254, 'a')}) {
    CAPTURE(name);
    const auto status = ask(resolver, name).status;
    CHECK(status != ResolveStatus::ok);
  }
  CHECK(server.questions <= before + 4);
}

TEST_CASE_FIXTURE(Fixture, "resolver: a silent server ends by the deadline, others are unharmed") {
  server.table["silent.example"].silent = true;
  server.table["app.example"] = {{{192, 0, 2, 1}}, {}};
  ResolverSettings s = settings();
  s.deadline = milliseconds(150);
  s.attempt = milliseconds(60'000);
  Resolver resolver(io, s);
  std::optional<ResolveResult> silent;
  resolver.resolve("silent.example", [&](ResolveResult r) { silent = std::move(r); });
  CHECK(ask(resolver, "app.example").status == ResolveStatus::ok);
  CHECK_FALSE(silent.has_value());
  REQUIRE(run_until(io, [&] { return silent.has_value(); }));
  CHECK(silent->status == ResolveStatus::timed_out);
  CHECK(resolver.pending() == 0);
}

TEST_CASE_FIXTURE(Fixture, "resolver: unusable servers are said, not thrown") {
  ResolverSettings s;
  s.servers = "not an address";
  Resolver resolver(io, s);
  const ResolveResult r = ask(resolver, "app.example");
  CHECK(r.status == ResolveStatus::failed);
  CHECK(r.sentence.find("not an address") != std::string::npos);
  CHECK(ask(resolver, "127.0.0.1").status == ResolveStatus::ok);
}

TEST_CASE_FIXTURE(Fixture, "resolver: destroyed with questions open, and from inside a callback") {
  server.table["silent.example"].silent = true;
  server.table["app.example"] = {{{192, 0, 2, 1}}, {}};
  bool called = false;
  {
    Resolver resolver(io, settings());
    resolver.resolve("silent.example", [&](ResolveResult) { called = true; });
    resolver.resolve("127.0.0.1", [&](ResolveResult) { called = true; });
    run_until(io, [&] { return server.questions > 0; });
    called = false;
  }
  auto own = std::make_unique<Resolver>(io, settings());
  bool destroyed = false;
  own->resolve("silent.example", [&](ResolveResult) { called = true; });
  own->resolve("app.example", [&](ResolveResult) {
    own.reset();
    destroyed = true;
  });
  REQUIRE(run_until(io, [&] { return destroyed; }));
  io.run_for(milliseconds(20));
  CHECK_FALSE(called);
}

TEST_CASE_FIXTURE(Fixture, "resolver: /etc/hosts comes before DNS") {
  std::ifstream hosts("/etc/hosts");
  std::string line, address, name;
  while (std::getline(hosts, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string a, n;
    while (words >> a >> n && address.empty()) {
      if (n.find("localhost") == std::string::npos && a.find(':') == std::string::npos) {
        address = a;
        name = n;
      }
    }
  }
  if (name.empty()) {
    MESSAGE("this machine's /etc/hosts names nothing but localhost: not tried");
    return;
  }
  Resolver resolver(io, settings());
  const ResolveResult r = ask(resolver, name);
  CHECK(texts(r.addresses).find(address) != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "resolved set: publishes what is new, keeps the last good answer") {
  auto& records = server.table["app.example"];
  records = {{{192, 0, 2, 1}, {192, 0, 2, 2}}, {}};
  Resolver resolver(io, settings());
  std::vector<std::string> published;
  int failures = 0;
  ResolvedSet set(
      io, resolver, {{"app.example", milliseconds(10)}, {"127.0.0.1", milliseconds(60'000)}},
      [&](const std::string& name, const Addresses& a) {
        published.push_back(name + "=" + texts(*a));
      },
      [&](const std::string&, const ResolveResult&) { ++failures; });
  CHECK(set.addresses("app.example") == nullptr);
  CHECK(set.addresses("other") == nullptr);
  const auto rounds = [&](int n) {
    const int until = server.questions + 2 * n;
    return run_until(io, [&] { return server.questions >= until; });
  };
  REQUIRE(run_until(io, [&] { return published.size() == 2; }));
  // Another order is no news.
  std::swap(records.a[0], records.a[1]);
  REQUIRE(rounds(3));
  CHECK(published.size() == 2);
  // No answer at all keeps what there was.
  const auto good = set.addresses("app.example");
  records.rcode = 3;
  records.a.clear();
  REQUIRE(run_until(io, [&] { return failures >= 2; }));
  CHECK(published.size() == 2);
  CHECK(set.addresses("app.example") == good);
  // A changed answer is published, the old vector stays as it was.
  records = {{{192, 0, 2, 3}}, {}};
  REQUIRE(run_until(io, [&] { return published.size() == 3; }));
  CHECK(published.back() == "app.example=192.0.2.3");
  CHECK(texts(*good) == "192.0.2.1 192.0.2.2");
}

TEST_CASE_FIXTURE(Fixture,
                  "resolved set: a name that was missing at the start is asked again soon") {
  Resolver resolver(io, settings());
  bool published = false;
  int failures = 0;
  ResolvedSet set(
      io, resolver, {{"late.example", std::chrono::hours(1)}},
      [&](const std::string&, const Addresses&) { published = true; },
      [&](const std::string&, const ResolveResult&) {
        ++failures;
        server.table["late.example"] = {{{192, 0, 2, 1}}, {}};
      });
  REQUIRE(run_until(io, [&] { return published; }));
  CHECK(failures == 1);
}

TEST_CASE_FIXTURE(Fixture, "resolved set: destroyed from inside its callbacks") {
  Resolver resolver(io, settings());
  std::unique_ptr<ResolvedSet> set;
  bool gone = false;
  set = std::make_unique<ResolvedSet>(
      io, resolver,
      std::vector<ResolvedSet::Name>{{"127.0.0.1", milliseconds(1)}, {"::1", milliseconds(1)}},
      [&](const std::string&, const Addresses&) {
        CHECK_FALSE(gone);
        gone = true;
        set.reset();
      },
      nullptr);
  REQUIRE(run_until(io, [&] { return gone; }));
  io.run_for(milliseconds(20));
  CHECK(resolver.pending() == 0);
}
