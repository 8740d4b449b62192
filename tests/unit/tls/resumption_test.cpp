#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;
using marquee::net::IoStatus;
namespace config = marquee::config;

namespace {

using Session = std::unique_ptr<SSL_SESSION, Client::FreeSession>;

struct Outcome {
  Handshake handshake = Handshake::failed;
  bool resumed = false;
  int alert = 0;
  int finds = 0;
  Session session;
};

// One connection of its own worker; brings the ticket that it was given.
Outcome visit(const ServerContext& context, const char* name, int version, SSL_SESSION* session,
              const char* without = nullptr) {
  Worker worker;
  TestAdmission admission;
  if (without) admission.tenants.erase(without);
  Sockets sockets;
  Engine engine(context, admission, 1, sockets.ours, worker.buffers);
  Client client(sockets.theirs, {.version = version, .sni = name, .session = session});
  Outcome outcome;
  outcome.handshake = shake(engine, sockets.ours, client);
  outcome.alert = client.alert;
  outcome.finds = admission.finds;
  if (outcome.handshake != Handshake::done) return outcome;
  IoStatus status;
  read(engine, status);
  client.read();  // takes the ticket of TLS 1.3
  CHECK(engine.info().resumed == client.resumed());
  outcome.resumed = client.resumed();
  // The callback tells of no renewed ticket in TLS 1.2.
  if (version == TLS1_2_VERSION && client.resumed())
    client.session.reset(SSL_get1_session(client.ssl.get()));
  outcome.session = std::move(client.session);
  return outcome;
}

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

TEST_CASE("a ticket resumes on another worker and needs no certificate") {
  const auto context = make_server();
  for (const int version : kVersions) {
    CAPTURE(version);
    const Outcome first = visit(*context, "bakery.localhost", version, nullptr);
    CHECK(first.handshake == Handshake::done);
    CHECK_FALSE(first.resumed);
    REQUIRE(first.session);
    const Outcome second = visit(*context, "bakery.localhost", version, first.session.get());
    CHECK(second.resumed);
    CHECK(second.finds == 0);
  }
}

TEST_CASE("a ticket of one tenant gives another tenant's visitor a full handshake") {
  const auto context = make_server();
  for (const int version : kVersions) {
    CAPTURE(version);
    const Outcome first = visit(*context, "bakery.localhost", version, nullptr);
    REQUIRE(first.session);
    const Outcome other = visit(*context, "clinic.localhost", version, first.session.get());
    CHECK(other.handshake == Handshake::done);
    CHECK_FALSE(other.resumed);
    CHECK(other.finds == 1);
  }
}

TEST_CASE("a ticket of a removed domain is refused") {
  const auto context = make_server();
  for (const int version : kVersions) {
    const Outcome first = visit(*context, "bakery.localhost", version, nullptr);
    REQUIRE(first.session);
    const Outcome gone =
        visit(*context, "bakery.localhost", version, first.session.get(), "bakery.localhost");
    CHECK(gone.handshake == Handshake::failed);
    CHECK(gone.alert == kAlertUnrecognizedName);
  }
}

TEST_CASE("a reload keeps tickets; another policy or other keys do not take them") {
  const auto tickets = make_tickets();
  const auto before = make_server({}, tickets);
  const auto after = make_server({}, tickets);
  config::TlsPolicy other;
  other.groups = "P-256";
  const auto changed = make_server(other, tickets);
  const auto strangers = make_server();
  config::TlsPolicy off;
  off.session_tickets = false;
  const auto without = make_server(off, tickets);
  for (const int version : kVersions) {
    CAPTURE(version);
    const Outcome first = visit(*before, "bakery.localhost", version, nullptr);
    REQUIRE(first.session);
    CHECK(visit(*after, "bakery.localhost", version, first.session.get()).resumed);
    for (const auto* context : {changed.get(), strangers.get(), without.get()}) {
      const Outcome full = visit(*context, "bakery.localhost", version, first.session.get());
      CHECK(full.handshake == Handshake::done);
      CHECK_FALSE(full.resumed);
    }
    CHECK_FALSE(visit(*without, "bakery.localhost", version, nullptr).session);
  }
}

TEST_CASE("three generations of ticket keys open, and old tickets are renewed") {
  using namespace std::chrono_literals;
  for (const int version : kVersions) {
    CAPTURE(version);
    const auto start = std::chrono::steady_clock::time_point{};
    const auto tickets = std::make_shared<TicketKeys>(12h, start);
    const auto context = make_server({}, tickets);
    CHECK(tickets->next_rotation() == start + 12h);
    const Outcome first = visit(*context, "bakery.localhost", version, nullptr);
    REQUIRE(first.session);
    tickets->rotate_if_due(start + 11h);  // not due
    tickets->rotate_if_due(start + 12h);
    tickets->rotate_if_due(start + 24h);
    CHECK(tickets->next_rotation() == start + 36h);
    const Outcome third = visit(*context, "bakery.localhost", version, first.session.get());
    CHECK(third.resumed);
    REQUIRE(third.session);  // sealed by the newest key
    tickets->rotate_if_due(start + 36h);
    CHECK_FALSE(visit(*context, "bakery.localhost", version, first.session.get()).resumed);
    CHECK(visit(*context, "bakery.localhost", version, third.session.get()).resumed);
    // A process that slept through everything keeps no key.
    tickets->rotate_if_due(start + 1000h);
    CHECK(tickets->next_rotation() == start + 1008h);
    CHECK_FALSE(visit(*context, "bakery.localhost", version, third.session.get()).resumed);
  }
}

TEST_CASE("keys rotate while other threads shake hands") {
  using namespace std::chrono_literals;
  const auto start = std::chrono::steady_clock::time_point{};
  const auto tickets = std::make_shared<TicketKeys>(1h, start);
  const auto context = make_server({}, tickets);
  std::atomic<int> finished{0};
  std::atomic<int> good{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&] {
      Session session;
      for (int i = 0; i < 40; ++i) {
        Outcome outcome = visit(*context, "bakery.localhost", TLS1_3_VERSION, session.get());
        good += outcome.handshake == Handshake::done;
        session = std::move(outcome.session);
      }
      ++finished;
    });
  }
  for (int hour = 1; finished < 2; ++hour) tickets->rotate_if_due(start + hour * 1h);
  for (auto& worker : workers) worker.join();
  CHECK(good == 80);
}
