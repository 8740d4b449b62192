// One worker's connections to one named pool: which endpoint, which connection.
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
#include "tls/engine.hpp"

namespace marquee::proxy {

class H1Pool final : public UpstreamPool, public UpstreamOwner, public net::Expiring {
 public:
  H1Pool(net::Worker& worker, tls::EngineBuffers& buffers, std::shared_ptr<EndpointGroup> group,
         const config::Upstream& settings, std::uint64_t seed);
  ~H1Pool() override;

  void open(Exchange& exchange, bool fresh) override;
  void cancel(Exchange& exchange) override;

  // New bounds and times for the same endpoints.
  void retune(const config::Upstream& settings);
  // Takes over the idle connections of endpoints that both pools have, with
  // equal TLS settings.
  void adopt(H1Pool& old);

  // Addresses of one endpoint, as resolved; replaces those known before. None:
  // the name was asked for and has no address yet.
  void set_addresses(std::size_t endpoint, std::vector<SocketAddress> addresses);

  // Idle connections are closed, the others when their answers end.
  void retire();

  const EndpointGroup& group() const { return *group_; }
  std::size_t connections() const { return connections_.size(); }
  std::uint32_t in_use(std::size_t endpoint) const { return targets_[endpoint].in_use; }

  void on_deadline(net::Deadline&) override;

  // UpstreamOwner
  void on_connected(H1Upstream& connection) override;
  void on_connect_failed(H1Upstream& connection, UpstreamFailure why) override;
  void on_idle(H1Upstream& connection) override;
  void on_closed(H1Upstream& connection) override;
  void on_verdict(H1Upstream& connection, Verdict verdict) override;

 private:
  struct Target {
    std::vector<SocketAddress> addresses;
    bool asked = false;  // the first answer about its name was there
    std::size_t next_address = 0;
    std::vector<H1Upstream*> idle;  // the most recently used last
    std::uint32_t connections = 0;
    std::uint32_t in_use = 0;  // connections that serve or are being made
  };

  // A request that came before the first address did; for the connect time.
  struct Waiting {
    Exchange* exchange;
    bool fresh;
    net::TimePoint until;
  };

  HealthTime now() const;
  bool waits_for_names() const;
  void go_on_waiting();
  void try_endpoint(Exchange& exchange, bool fresh, std::uint64_t tried, UpstreamFailure last);
  bool connect(Exchange& exchange, std::size_t endpoint, std::uint64_t tried, HealthTicket ticket,
               bool fresh);
  void hand_over(H1Upstream& connection, Exchange& exchange, bool reused);
  void leave(H1Upstream& connection);
  std::unique_ptr<H1Upstream> take_out(H1Upstream& connection);

  net::Worker& worker_;
  tls::EngineBuffers& buffers_;
  std::shared_ptr<EndpointGroup> group_;
  config::Upstream settings_;
  EjectionRule rule_;
  std::vector<Target> targets_;
  std::vector<Candidate> candidates_;  // of the choice under way
  std::vector<std::unique_ptr<H1Upstream>> connections_;
  std::deque<Waiting> waiting_;  // in the order of `until`
  net::Deadline waiting_time_;   // of the first of them
  std::size_t cursor_ = 0;
  std::uint64_t random_;
  bool retired_ = false;
};

}  // namespace marquee::proxy
