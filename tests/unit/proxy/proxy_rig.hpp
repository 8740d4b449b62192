// A client's session, the exchange and an upstream's connection, all real, with
// no socket, thread or clock: both peers are scripts, time moves by hand.
#pragma once
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "cold_directory.hpp"
#include "proxy/exchange.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/h1_session.hpp"
#include "proxy/h2_session.hpp"
#include "proxy/snapshot_slot.hpp"
#include "proxy/upstream/h1_upstream.hpp"
#include "scripted_stream.hpp"
#include "tls/certified_key.hpp"

namespace marquee::proxy::testing {

inline config::Settings rig_settings() {
  config::Settings settings;
  settings.answers.domains = config::AnswerScope::none;  // its own tests have it
  settings.files = {"marquee.yaml"};
  settings.access.rules.emplace_back();  // domains have these gates, if a test puts any there
  settings.rate_limits.rules.emplace_back();
  config::Upstream upstream;
  upstream.name = "app";
  settings.upstreams.push_back(upstream);
  config::Domain domain;
  domain.host = {"a.test", {}};
  domain.agency = "agency-1";
  domain.site = "site-1";
  domain.upstream = {"app", {}};
  domain.redirect_to_https = false;
  settings.domains.push_back(domain);
  return settings;
}

// What one peer does, in order: waits until `await` came (after what the last
// action awaited), sends, and perhaps ends or breaks the connection.
inline const std::string our_end = "<end>";  // awaits that Marquee has ended its side
struct Action {
  enum Then { go_on, fin, reset };
  std::string await;
  std::string send;
  Then then = go_on;
};
using Script = std::vector<Action>;

// Where a script stands on its wire.
struct Peer {
  Script script;
  std::size_t next = 0;   // action
  std::size_t sent = 0;   // bytes of its `send`
  std::size_t seen = 0;   // bytes of the wire's output that were awaited
  std::size_t total = 0;  // bytes sent by all actions so far

  bool ready(const Wire& wire) {
    if (next >= script.size()) return false;
    const Action& a = script[next];
    if (sent > 0 || a.await.empty()) return true;
    if (a.await == our_end) return wire.shut;
    const std::size_t at = wire.out.find(a.await, seen);
    if (at == std::string::npos) return false;
    seen = at + a.await.size();
    script[next].await.clear();
    return true;
  }
};

// Where runs of bytes are cut: at every multiple of `every`, and at `cuts`.
struct Splits {
  std::vector<std::size_t> cuts;
  std::size_t every = 0;  // 0: not

  std::size_t length(std::size_t from, std::size_t most) const {
    if (every) most = std::min(most, every - from % every);
    for (std::size_t c : cuts)
      if (c > from) most = std::min(most, c - from);
    return most;
  }
};

struct Record {
  Outcome outcome;
  std::string request_id;
  std::string trace_id;
};

class Records final : public AccessSink {
 public:
  void record(Exchange& exchange) override {
    all.push_back({exchange.outcome(), std::string(exchange.ids().request_id()),
                   std::string(exchange.ids().trace_id())});
  }
  void lost(ClientLoss how) override { lost_clients.push_back(how); }
  std::vector<Record> all;
  std::vector<ClientLoss> lost_clients;
};

class ClientSide;
// Who hears that a client connection is over.
class ClientOwner {
 public:
  virtual void on_closed(bool reset) = 0;

 protected:
  ~ClientOwner() = default;
};

// The part of ClientConnection that a session needs.
class ClientSide final : public net::Resident, public SessionHost, public ConnectionFacts {
 public:
  ClientSide(Services& services, ExchangePool& exchanges, Wire& wire, ClientOwner& owner,
             bool speaks_h2)
      : stream_(wire), turn_(services.turn), owner_(owner), session(services, exchanges, *this) {
    if (speaks_h2) h2 = std::make_unique<H2Session>(services, exchanges, *this);
    client = *base::IpAddress::parse("192.0.2.7");
    client_text = "192.0.2.7";
    public_port = 80;
  }
  ~ClientSide() override {
    // A session that ends by itself has told its exchange, and so has its record.
    if (closed_from_outside) return;
    CHECK_FALSE((session.exchange() && session.exchange()->active()));
    if (h2) CHECK_FALSE(h2->running());
  }
  ScriptedStream& stream() override { return stream_; }
  ConnectionFacts& facts() override { return *this; }
  void wake() override { turn_.run_later(*this); }
  void close(bool reset) override { owner_.on_closed(reset); }
  void run() override { h2 ? h2->run() : session.run(); }
  void start() { h2 ? h2->start() : session.start(); }
  void on_ready(bool writable, bool error) {
    h2 ? h2->on_ready(writable, error) : session.on_ready(writable, error);
  }
  void drain() { h2 ? h2->drain() : session.drain(); }
  bool closed_from_outside = false;

 private:
  ScriptedStream stream_;
  net::Turn& turn_;
  ClientOwner& owner_;

 public:
  H1Session session;
  std::unique_ptr<H2Session> h2;  // then the other one stays unused
};

// A pool whose connections are scripts. Like ConnectionPool: the last idle one first.
class ScriptedPool final : public UpstreamPool, public UpstreamOwner {
 public:
  struct Connection {
    Wire wire;
    Peer peer;
    std::unique_ptr<H1Upstream> end;  // null: closed
    ScriptedStream* stream = nullptr;
    UpstreamRequest* waiting = nullptr;
    bool told_end = false;
  };

  ScriptedPool(net::Turn& turn, Fault& fault, std::vector<Script> scripts)
      : turn_(turn), fault_(fault), scripts_(std::move(scripts)) {}

  void open(UpstreamRequest& exchange, bool fresh) override {
    if (!fresh)
      for (auto& c : connections)
        if (c->end && c->end->state() == H1Upstream::State::idle && !c->waiting)
          return hand_over(*c, exchange, true);
    if (connections.size() >= scripts_.size())
      return exchange.on_upstream_unavailable(UpstreamFailure::connect_refused);
    auto c =
        std::make_unique<Connection>(Connection{Wire(fault_), {}, nullptr, nullptr, &exchange});
    c->peer.script = scripts_[connections.size()];
    c->wire.grant = c->wire.room = room;
    auto stream = std::make_unique<ScriptedStream>(c->wire);
    c->stream = stream.get();
    c->end = std::make_unique<H1Upstream>(
        turn_, *this, UpstreamConnection::Parts{net::Fd(), std::move(stream), false});
    c->end->await_connect(net::Ms(2000));
    connections.push_back(std::move(c));
  }
  void cancel(UpstreamRequest& exchange) override {
    for (auto& c : connections)
      if (c->waiting == &exchange) c->waiting = nullptr;
  }

  void on_connected(UpstreamConnection& end) override {
    Connection& c = of(end);
    if (!c.waiting) return on_idle(end);
    UpstreamRequest& exchange = *c.waiting;
    c.waiting = nullptr;
    hand_over(c, exchange, false);
  }
  void on_connect_failed(UpstreamConnection& end, UpstreamFailure why) override {
    UpstreamRequest* exchange = of(end).waiting;
    on_closed(end);
    if (exchange) exchange->on_upstream_unavailable(why);
  }
  void on_idle(UpstreamConnection& end) override { end.become_idle(net::Ms(60'000)); }
  void on_closed(UpstreamConnection& end) override {
    Connection& c = of(end);
    c.waiting = nullptr;
    c.stream = nullptr;
    turn_.retire(std::move(c.end));
  }
  void on_verdict(UpstreamConnection&, const HealthTicket&, Verdict) override {}

  bool quiet() const {
    for (const auto& c : connections)
      if (c->end && c->end->state() == H1Upstream::State::active) return false;
    return true;
  }

  std::vector<std::unique_ptr<Connection>> connections;
  std::size_t room = static_cast<std::size_t>(-1);

 private:
  Connection& of(UpstreamConnection& end) {
    for (auto& c : connections)
      if (c->end.get() == &end) return *c;
    FAIL("a connection that is not of this pool");
    return *connections.front();
  }
  void hand_over(Connection& c, UpstreamRequest& exchange, bool reused) {
    UpstreamFacts facts;
    facts.endpoint = "http://upstream.test:80";
    facts.reused = reused;
    c.end->serve(exchange);
    exchange.on_upstream_ready(*c.end, facts);
  }

  net::Turn& turn_;
  Fault& fault_;
  std::vector<Script> scripts_;
};

struct Scenario {
  std::string name;
  Script client;
  std::vector<Script> upstreams;  // one per connection, in the order they are made
  std::size_t requests = 1;       // records of an undisturbed run
  config::Settings settings = rig_settings();
  // The bytes at this end depend on when what came (early answers): not compared.
  bool client_same = true;
  bool upstream_same = true;
  // The domains are rows of a directory, and not at hand.
  std::function<void(ColdDirectory&)> directory{};
  // A retry asks of a fresh connection that it takes the kept body at once.
  bool fresh_connections_have_room = false;
  bool h2 = false;  // what the client speaks
  // The client waits for bytes that come in one frame only while the upstream's
  // come in one read.
  bool upstream_whole = false;
};

struct RunOptions {
  Splits client{};
  Splits upstream{};
  std::size_t client_room = static_cast<std::size_t>(-1);  // bytes per writable event
  std::size_t upstream_room = static_cast<std::size_t>(-1);
  std::size_t silent_after = Fault::never;  // after so many events only time passes
  bool directory_silent = false;            // it never answers
  std::size_t fault_at = Fault::never;
  net::IoStatus fault = net::IoStatus::failed;
};

class ProxyRig final : public ClientOwner {
 public:
  ProxyRig(const Scenario& scenario, const RunOptions& options)
      : options_(options),
        client_wire(fault),
        random_({1, 2, 3, 4}),
        services(turn, slot_, records, random_),
        exchanges(services) {
    fault.at = options.fault_at;
    fault.status = options.fault;
    turn.set_time(net::TimePoint(std::chrono::hours(1)), 1'700'000'000'000);
    pool = std::make_shared<ScriptedPool>(turn, fault, scenario.upstreams);
    if (!scenario.fresh_connections_have_room) pool->room = options.upstream_room;
    auto snapshot = std::make_shared<Snapshot>(scenario.settings, intermediates_);
    if (scenario.directory) {
      cold = std::make_unique<ColdRoutes>([this] { return turn.now(); });
      scenario.directory(cold->directory);
      cold->routes.install(snapshot);
      services.routes = &cold->routes;
    }
    slot_.install(std::move(snapshot), {pool});
    client_wire.grant = client_wire.room = options.client_room;
    client_peer.script = scenario.client;
    client = std::make_unique<ClientSide>(services, exchanges, client_wire, *this, scenario.h2);
    client->start();
    finish_turn();
  }
  ~ProxyRig() {
    client.reset();
    finish_turn();
  }

  void on_closed(bool reset) override {
    if (!client) return;
    closed = true;
    closed_by_reset = reset;
    turn.retire(std::move(client));
  }

  // Plays both scripts until neither has anything to do.
  void play() {
    while (events < options_.silent_after &&
           (client_event() || connect_event() || upstream_event() || directory_event())) {
      REQUIRE(++events < 200'000);
      if (each_event) each_event();
    }
  }
  // Lets every deadline fire, one after the other, the peers silent or not.
  void pass_time() {
    for (int i = 0; turn.deadlines().next() != net::TimePoint::max(); ++i) {
      REQUIRE(i < 1000);
      const net::TimePoint next = std::max(turn.deadlines().next(), turn.now());
      const auto ms = std::chrono::ceil<net::Ms>(next - turn.now());
      turn.set_time(turn.now() + ms, turn.wall_ms() + ms.count());
      turn.deadlines().expire(turn.now());
      finish_turn();
      play();
    }
  }
  // As above, from within a call: it is destroyed when the turn ends.
  void close_client_within_turn() {
    if (client) client->closed_from_outside = true;
    on_closed(false);
  }
  // Puts new settings in force, as Front::install() does.
  void reload(const config::Settings& settings) {
    auto snapshot = std::make_shared<Snapshot>(settings, intermediates_);
    if (cold) cold->routes.install(snapshot);
    slot_.install(std::move(snapshot), {pool});
    exchanges.for_each_active([](Exchange& e) { e.leave_snapshot(); });
  }
  std::size_t snapshots_alive() const { return slot_.alive(); }
  void allow_events(std::size_t most) { options_.silent_after = most; }
  // As at the end of a drain's time: whatever is under way.
  void close_client() {
    if (!client) return;
    client->closed_from_outside = true;
    on_closed(false);
    finish_turn();
  }
  // Also what the turn's end put off.
  void finish_turn() {
    while (turn.finish()) {
    }
  }

  // What must hold when all is over, whatever happened.
  void check_over() {
    CHECK(closed);
    CHECK(exchanges.in_use() == 0);
    CHECK(turn.buffers().lent_bytes() == 0);
    CHECK(slot_users() == 0);
    if (cold) {
      while (cold->step()) finish_turn();  // whoever it was for is gone
      CHECK(cold->routes.waiting() == 0);
      CHECK(cold->routes.retired() == 0);
    }
    for (const auto& c : pool->connections) CHECK_FALSE(c->end);
    CHECK(client_wire.after_shut == 0);
  }
  std::string upstream_out() const {
    std::string all;
    for (const auto& c : pool->connections) all += c->wire.out + "|";
    return all;
  }
  std::uint32_t slot_users() { return slot_.current().users; }

 private:
  // One readiness event of a stream: a run of its script, or room to write.
  template <typename Deliver>
  static bool stream_event(Peer& peer, Wire& wire, ScriptedStream& stream, const Splits& splits,
                           bool& told_end, Deliver deliver) {
    if (wire.dead || wire.fault.hit) {
      if (wire.dead && !told_end) {
        told_end = true;
        stream.on_readiness(true, true);
        stream.on_hangup();
        deliver(true, true);
        return true;
      }
    }
    if (wire.dead) return false;
    if (stream.full()) {
      stream.on_readiness(false, true);
      deliver(true, false);
      return true;
    }
    if (!stream.may_read() && (!wire.in.empty() || (wire.fin && !wire.end_seen))) {
      stream.on_readiness(true, false);
      deliver(false, false);
      return true;
    }
    if (wire.fin || !peer.ready(wire)) return false;
    const Action& action = peer.script[peer.next];
    if (peer.sent < action.send.size()) {
      const std::size_t n = splits.length(peer.total, action.send.size() - peer.sent);
      wire.in.push_back(action.send.substr(peer.sent, n));
      peer.sent += n;
      peer.total += n;
      if (peer.sent == action.send.size() && action.then == Action::go_on) next_action(peer);
    } else if (action.then == Action::fin) {
      wire.fin = true;
      next_action(peer);
      stream.on_hangup();
    } else if (action.then == Action::reset) {
      wire.dead = told_end = true;
      next_action(peer);
      stream.on_readiness(true, true);
      deliver(true, true);
      return true;
    } else {
      next_action(peer);
      return true;
    }
    stream.on_readiness(true, false);
    deliver(false, false);
    return true;
  }
  static void next_action(Peer& peer) {
    ++peer.next;
    peer.sent = 0;
  }

  bool client_event() {
    if (!client) return false;
    return stream_event(client_peer, client_wire, client->stream(), options_.client,
                        client_told_end_, [this](bool writable, bool error) {
                          client->on_ready(writable, error);
                          finish_turn();
                        });
  }
  bool directory_event() {
    if (!cold || options_.directory_silent || !cold->step()) return false;
    finish_turn();
    return true;
  }
  bool connect_event() {
    for (auto& c : pool->connections) {
      if (!c->end || c->end->state() != H1Upstream::State::connecting) continue;
      c->end->on_ready({false, true, false, false});
      finish_turn();
      return true;
    }
    return false;
  }
  bool upstream_event() {
    for (auto& c : pool->connections) {
      if (!c->end || !c->stream) continue;
      const bool moved = stream_event(
          c->peer, c->wire, *c->stream, options_.upstream, c->told_end,
          [&](bool writable, bool error) {
            // The stream was told already; on_ready() tells it again: no harm.
            c->end->on_ready({c->stream->may_read(), writable && !c->stream->full(), false, error});
            finish_turn();
          });
      if (moved) return true;
    }
    return false;
  }

  RunOptions options_;
  tls::IntermediateSet intermediates_;
  SnapshotSlot slot_;
  bool client_told_end_ = false;

 public:
  net::Turn turn;
  Fault fault;
  Wire client_wire;
  Peer client_peer;
  Records records;

 private:
  base::Random random_;

 public:
  std::unique_ptr<ColdRoutes> cold;
  Services services;
  ExchangePool exchanges;
  std::shared_ptr<ScriptedPool> pool;
  std::unique_ptr<ClientSide> client;
  std::function<void()> each_event;
  std::size_t events = 0;
  bool closed = false;
  bool closed_by_reset = false;
};

}  // namespace marquee::proxy::testing
