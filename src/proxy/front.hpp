// One worker's share of the proxy: its listeners, its client connections, its
// pools, and the services that its exchanges run on. Everything here belongs to
// the worker's thread; the control thread reaches it by Worker::post().
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "net/worker.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/listener.hpp"
#include "proxy/request_records.hpp"
#include "proxy/tls_front.hpp"
#include "proxy/upstream/pool.hpp"

namespace marquee::proxy {

// What all workers count together (design 3: process-wide caps).
struct SharedCounts {
  std::atomic<std::uint32_t> connections{0};
  std::atomic<std::uint32_t> snapshots{0};
};

class Front final : public ConnectionOwner, public net::Expiring {
 public:
  Front(net::Worker& worker, const ProxyMetrics& metrics, base::Cells& cells, SharedCounts& shared,
        base::WorkerLog* log, TlsFront::Parts tls);
  ~Front();

  // Puts a snapshot in force. `groups` by index of Settings::upstreams; a group
  // that was there before keeps its pool, and so its connections.
  void install(std::shared_ptr<const Snapshot> snapshot,
               const std::vector<std::shared_ptr<EndpointGroup>>& groups,
               std::shared_ptr<const tls::ServerContext> context);
  void set_addresses(const EndpointGroup& group, std::size_t endpoint,
                     const std::vector<SocketAddress>& addresses);

  bool add_listener(net::Fd fd, std::shared_ptr<const ListenerFacts> facts);
  // Accepts what waits in its queue, then closes it.
  void remove_listener(const std::string& configured);
  void update_listener(std::shared_ptr<const ListenerFacts> facts);

  // No new connections; idle ones end, the others after their answers.
  void drain();
  // Ends what is left.
  void close_all();
  std::size_t connections() const { return connections_.size(); }
  std::size_t snapshots_alive() const { return snapshots_.alive(); }
  void set_https_port(unsigned port) { services_.https_port = port; }

  // ConnectionOwner
  void on_closed(ClientConnection& connection) override;
  void on_handshake(ClientConnection& connection, bool good) override;

  void on_deadline(net::Deadline& which) override;

 private:
  void accept(net::Fd fd, const base::IpAddress& peer, std::uint16_t port,
              const std::shared_ptr<const ListenerFacts>& listener);
  void on_turn_end();

  net::Worker& worker_;
  const ProxyMetrics& metrics_;
  base::Cells& cells_;
  SharedCounts& shared_;
  base::Random random_;
  std::unique_ptr<AccessLog> log_;
  base::WorkerLog* worker_log_;
  RequestRecords records_;
  SnapshotSlot snapshots_;
  Services services_;
  ExchangePool exchanges_;
  TlsFront tls_;
  std::vector<std::shared_ptr<H1Pool>> retiring_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  net::Deadline log_time_;  // runs while records wait to be handed over
  bool draining_ = false;
};

}  // namespace marquee::proxy
