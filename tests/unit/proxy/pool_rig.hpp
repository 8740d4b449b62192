// A real pool on a real worker, with origins that the test plays itself over
// loopback sockets: one thread, turns taken by hand.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/uuid.hpp"
#include "net/worker.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/snapshot_slot.hpp"
#include "proxy/upstream/pool.hpp"
#include "proxy_rig.hpp"

namespace marquee::proxy::testing {

// Listens on a port of the kernel's choice; the test accepts, reads and answers.
class Origin {
 public:
  Origin() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* raw = reinterpret_cast<sockaddr*>(&address_);
    REQUIRE(::bind(listener_.get(), raw, size) == 0);
    REQUIRE(::getsockname(listener_.get(), raw, &size) == 0);
    REQUIRE(::listen(listener_.get(), 64) == 0);
  }
  // From here on connections are refused.
  void stop() { listener_.close(); }

  SocketAddress address() const {
    SocketAddress a;
    std::memcpy(&a.storage, &address_, sizeof address_);
    a.size = sizeof address_;
    return a;
  }
  std::string text() const {
    return scheme + "://127.0.0.1:" + std::to_string(ntohs(address_.sin_port));
  }
  std::string scheme = "http";

  struct Connection {
    net::Fd fd;
    std::string in;
    bool ended = false;
  };
  // Takes what has come: connections, bytes, ends.
  void step() {
    for (;;) {
      if (!listener_) break;
      net::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) break;
      connections.push_back({std::move(fd), {}, false});
    }
    char buffer[16384];
    for (Connection& c : connections) {
      if (!c.fd || !reading) continue;
      const ssize_t n = ::read(c.fd.get(), buffer, sizeof buffer);
      if (n > 0) c.in.append(buffer, static_cast<std::size_t>(n));
      if (n == 0) c.ended = true;
    }
  }
  // Small answers fit the socket's buffer.
  void answer(std::size_t connection, const std::string& bytes) {
    Connection& c = connections.at(connection);
    c.in.clear();
    REQUIRE(::write(c.fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  std::size_t open() const {
    std::size_t n = 0;
    for (const Connection& c : connections) n += c.fd && !c.ended;
    return n;
  }

  std::vector<Connection> connections;
  bool reading = true;

 private:
  net::Fd listener_;
  sockaddr_in address_{};
};

// A request without a session: what the exchange says is kept.
class PoolClient final : public ClientEnd {
 public:
  PoolClient(Services& services, ExchangePool& exchanges) : exchanges_(exchanges) {
    facts_.client = *base::IpAddress::parse("192.0.2.7");
    (void)services;
  }
  ~PoolClient() { done(); }
  void ask(const std::string& head) {
    text_ = head;
    exchange = &exchanges_.acquire();
    exchange->begin(*this, facts_);
    http::RequestHeadParser parser;
    REQUIRE(parser.parse(text_, exchange->request()) == http::ParseState::done);
    REQUIRE(http::judge(exchange->request()) == http::Refusal::none);
    exchange->on_request_head();
  }
  // Gives the exchange back; the connection of a client that left does so too.
  void done() {
    if (exchange) exchanges_.release(*exchange);
    exchange = nullptr;
  }

  void send_interim(const OutgoingResponse&) override {}
  void send_head(const OutgoingResponse& head) override { status = head.status; }
  std::size_t send_body(const BodySlice& slice) override {
    const std::size_t n = std::min(slice.size, appetite);
    appetite -= n;
    body.append(slice.data, n);
    return n;
  }
  void send_end(const http::FieldTable*) override { ended = true; }
  void flush() override {}
  void start_tunnel() override {}
  void resume_request() override { resumed = true; }
  void abort() override { aborted = true; }
  void finished() override { is_finished = true; }

  Exchange* exchange = nullptr;
  unsigned status = 0;
  std::string body;
  std::size_t appetite = static_cast<std::size_t>(-1);
  bool ended = false, resumed = false, aborted = false, is_finished = false;

 private:
  ExchangePool& exchanges_;
  ConnectionFacts facts_;
  std::string text_;
};

class PoolRig {
 public:
  bool resolved;  // false: endpoints are as names that were not asked for yet
  explicit PoolRig(std::vector<Origin*> origins, config::Upstream settings = {},
                   bool are_resolved = true)
      : resolved(are_resolved),
        origins_(std::move(origins)),
        services(worker.turn(), slot_, records, random_),
        exchanges(services) {
    config::Settings all = rig_settings();
    settings.name = "app";
    all.upstreams[0] = settings;
    config::Domain other = all.domains[0];
    other.host = {"b.test", {}};
    other.agency = "agency-2";
    all.domains.push_back(other);
    pool = make_pool(settings);
    slot_.install(std::make_shared<Snapshot>(all, intermediates_), {pool});
    worker.turn_once(false);
  }
  ~PoolRig() {
    clients.clear();
    worker.turn_once(false);
  }

  std::shared_ptr<ConnectionPool> make_pool(const config::Upstream& settings) {
    auto group = std::make_shared<EndpointGroup>();
    group->name = "app";
    for (Origin* origin : origins_) {
      auto shared = std::make_unique<SharedEndpoint>();
      shared->endpoint = *parse_endpoint(origin->text()).endpoint;
      shared->key = pool_key(shared->endpoint, {}, {});
      shared->text = origin->text();
      group->endpoints.push_back(std::move(shared));
    }
    auto made = std::make_shared<ConnectionPool>(worker, buffers_, group, settings, 42);
    for (std::size_t i = 0; i < origins_.size() && resolved; ++i)
      made->set_addresses(i, {origins_[i]->address()});
    return made;
  }
  // As a reload does where the endpoints' group is another.
  void replace_pool(config::Upstream settings) {
    settings.name = "app";
    config::Settings all = rig_settings();
    all.upstreams[0] = settings;
    auto next = make_pool(settings);
    next->adopt(*pool);
    pool->retire();
    old_pool = pool;
    pool = next;
    slot_.install(std::make_shared<Snapshot>(all, intermediates_), {pool});
    exchanges.for_each_active([](Exchange& e) { e.leave_snapshot(); });
  }

  PoolClient& client() {
    clients.push_back(std::make_unique<PoolClient>(services, exchanges));
    return *clients.back();
  }
  PoolClient& ask(const std::string& method = "GET", const std::string& host = "a.test") {
    PoolClient& c = client();
    c.ask(method + " / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return c;
  }

  // Takes turns until `what` holds; false after ten seconds without it.
  template <typename What>
  bool until(What what) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < limit) {
      worker.turn_once(false);
      for (Origin* origin : origins_) origin->step();
      if (what()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  bool until_asked(Origin& origin, std::size_t connection) {
    return until([&] {
      return origin.connections.size() > connection &&
             origin.connections[connection].in.find("\r\n\r\n") != std::string::npos;
    });
  }

 private:
  std::vector<Origin*> origins_;
  SnapshotSlot slot_;
  tls::IntermediateSet intermediates_;
  base::Random random_{{1, 2, 3, 4}};
  net::BufferPool ciphertext_;
  tls::EngineBuffers buffers_{ciphertext_, {}};

 public:
  net::Worker worker{0};
  Records records;
  Services services;
  ExchangePool exchanges;
  std::shared_ptr<ConnectionPool> pool, old_pool;
  std::vector<std::unique_ptr<PoolClient>> clients;
};

}  // namespace marquee::proxy::testing
