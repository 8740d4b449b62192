// One worker's connections to one named pool: which endpoint, which connection.
// Over HTTP/1.1 a connection serves one request at a time, over HTTP/2 many
// (pool_h2.cpp); a pool may hold endpoints of both kinds.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "net/worker.hpp"
#include "proxy/services.hpp"
#include "proxy/upstream/balance.hpp"
#include "proxy/upstream/endpoint_group.hpp"
#include "proxy/upstream/h1_upstream.hpp"
#include "proxy/upstream/h2_upstream.hpp"
#include "tls/engine.hpp"

namespace marquee::proxy {

class ConnectionPool final : public UpstreamPool, public UpstreamOwner, public net::Expiring {
 public:
  ConnectionPool(net::Worker& worker, tls::EngineBuffers& buffers,
                 std::shared_ptr<EndpointGroup> group, const config::Upstream& settings,
                 std::uint64_t seed);
  ~ConnectionPool() override;

  void open(UpstreamRequest& asker, bool fresh) override;
  void cancel(UpstreamRequest& asker) override;

  // New bounds and times for the same endpoints.
  void retune(const config::Upstream& settings);
  // Takes over the idle connections of endpoints that both pools have, with
  // equal TLS settings.
  void adopt(ConnectionPool& old);

  // Addresses of one endpoint, as resolved; replaces those known before. None:
  // the name was asked for and has no address yet.
  void set_addresses(std::size_t endpoint, std::vector<SocketAddress> addresses);

  // Idle connections are closed, the others when their answers end.
  void retire();

  const EndpointGroup& group() const { return *group_; }
  std::size_t connections() const { return connections_.size(); }
  std::uint32_t in_use(std::size_t endpoint) const { return targets_[endpoint].in_use; }
  std::size_t waiting() const { return waiting_.size(); }

  void on_deadline(net::Deadline&) override;

  // UpstreamOwner
  void on_connected(UpstreamConnection& connection) override;
  void on_connect_failed(UpstreamConnection& connection, UpstreamFailure why) override;
  void on_idle(UpstreamConnection& connection) override;
  void on_closed(UpstreamConnection& connection) override;
  void on_verdict(UpstreamConnection& connection, const HealthTicket& ticket,
                  Verdict verdict) override;
  void on_room(UpstreamConnection& connection, std::size_t left) override;

 private:
  struct Target {
    std::vector<SocketAddress> addresses;
    bool asked = false;  // the first answer about its name was there
    std::size_t next_address = 0;
    std::vector<H1Upstream*> idle;  // the most recently used last
    std::vector<H2Upstream*> multiplexed;
    std::uint32_t connections = 0;
    // Connections that serve or are being made; over HTTP/2 requests, too.
    std::uint32_t in_use = 0;
  };

  // A request that came before the first address did, or while HTTP/2 streams
  // were out; at most for the connect time, then it fails for `why`.
  struct Waiting {
    UpstreamRequest* asker;
    bool fresh;
    net::TimePoint until;
    UpstreamFailure why;
    std::uint64_t tenant;
  };

  // A request on its way to an endpoint.
  struct Errand {
    UpstreamRequest& asker;
    bool fresh;
    std::uint64_t tried;  // endpoints that it has been to, by bit
    HealthTicket ticket{};
  };

  HealthTime now() const;
  bool waits_for_names() const;
  bool wait(UpstreamRequest& asker, bool fresh, UpstreamFailure why);
  void go_on_waiting();
  void place(UpstreamRequest& asker, bool fresh, std::uint64_t tried, UpstreamFailure last);
  UpstreamFailure try_endpoints(Errand errand, UpstreamFailure last);
  UpstreamFailure connect(std::size_t endpoint, const Errand& errand);
  // `none`: connect() is under way, or done.
  UpstreamFailure begin_connect(std::size_t endpoint, UpstreamConnection::Parts& parts);
  // No connection was begun: its endpoint's fault, or our own.
  UpstreamFailure not_begun(std::size_t endpoint, const HealthTicket& ticket, UpstreamFailure why);
  bool add(std::unique_ptr<UpstreamConnection> connection, std::size_t endpoint);
  void hand_over(H1Upstream& connection, UpstreamRequest& asker, bool reused);
  void leave(UpstreamConnection& connection);
  std::unique_ptr<UpstreamConnection> take_out(UpstreamConnection& connection);
  void take_over(std::unique_ptr<UpstreamConnection> connection, std::size_t endpoint);
  void judge(std::uint32_t endpoint, const HealthTicket& ticket, Verdict verdict);

  // pool_h2.cpp
  UpstreamFailure multiplex(std::size_t endpoint, const Errand& errand);
  H2Upstream* choose_stream(const Target& target, std::uint64_t tenant, bool fresh) const;
  void hand_over(H2Upstream& connection, const H2Upstream::Waiter& waiter, bool reused);
  void serve_waiters(H2Upstream& connection);
  void fail_waiters(H2Upstream& connection, UpstreamFailure why);
  void cancel_waiter(H2Upstream& connection, const UpstreamRequest& asker);

  net::Worker& worker_;
  tls::EngineBuffers& buffers_;
  std::shared_ptr<EndpointGroup> group_;
  config::Upstream settings_;
  EjectionRule rule_;
  std::vector<Target> targets_;
  std::vector<Candidate> candidates_;  // of the choice under way
  std::vector<std::unique_ptr<UpstreamConnection>> connections_;
  std::vector<H2Upstream::Waiter> failed_;  // whose connect failed, to be placed anew
  std::deque<Waiting> waiting_;
  net::Deadline waiting_time_;  // of the first of them
  std::size_t cursor_ = 0;
  std::uint64_t random_;
  bool retired_ = false;
};

}  // namespace marquee::proxy
