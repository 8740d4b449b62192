// One worker's share of the proxy: its listeners, its client connections, its
// pools, and the services that its exchanges run on. Everything here belongs to
// the worker's thread; the control thread reaches it by Worker::post().
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
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
// Connections per client network (/32, /64), for Limits::connections_per_client.
// Taken on accept and close only, and only where the limit is set.
class ClientCounts {
 public:
  // False: the client has `limit` connections already.
  bool enter(const base::ClientPrefix& client, std::uint32_t limit);
  void leave(const base::ClientPrefix& client);

 private:
  struct Shard {
    std::mutex lock;
    std::unordered_map<base::ClientPrefix, std::uint32_t> counts;
  };
  Shard& shard(const base::ClientPrefix& c) {
    return shards_[std::hash<base::ClientPrefix>{}(c) % shards_.size()];
  }
  std::array<Shard, 16> shards_;
};

struct SharedCounts {
  ClientCounts clients;
  std::atomic<std::uint32_t> connections{0};
};

class Front final : public ConnectionOwner, public net::Expiring {
 public:
  Front(net::Worker& worker, const ProxyMetrics& metrics, base::Cells& cells, SharedCounts& shared,
        base::WorkerLog* log, TlsFront::Parts tls);
  ~Front();

  // Before install() of settings that want an access log where none was wanted.
  void set_log(base::WorkerLog* log) { worker_log_ = log; }
  // Puts a snapshot in force. `groups` by index of Settings::upstreams; a group
  // that was there before keeps its pool, and so its connections.
  void install(std::shared_ptr<const Snapshot> snapshot,
               const std::vector<std::shared_ptr<EndpointGroup>>& groups,
               std::shared_ptr<const tls::ServerContext> context);
  void set_addresses(const EndpointGroup& group, std::size_t endpoint,
                     const std::vector<SocketAddress>& addresses);

  bool add_listener(net::Fd fd, std::shared_ptr<const ListenerFacts> facts);
  // Accepts what waits in its queue, then closes it.
  void remove_listener(std::uint32_t id);
  // New facts for the listener of the same id.
  void update_listener(std::shared_ptr<const ListenerFacts> facts);

  // No new connections; idle ones end, the others after their answers.
  void drain();
  // Ends what is left.
  void close_all();
  std::size_t snapshots_alive() const { return snapshots_.alive(); }
  void set_https_port(unsigned port) { services_.https_port = port; }

  // ConnectionOwner
  void on_closed(ClientConnection& connection) override;
  void on_handshake(ClientConnection& connection, HandshakeEnd how) override;

  void on_deadline(net::Deadline& which) override;

 private:
  void accept(net::Fd fd, const base::IpAddress& peer, std::uint16_t port,
              const std::shared_ptr<const ListenerFacts>& listener);
  void on_turn_end();
  void drain_moved(const Snapshot& old, const Snapshot& next);

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
  std::vector<std::shared_ptr<ConnectionPool>> retiring_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  // By slot: a place is kept while its connection lives, so that a waiter's
  // {slot, generation} finds it; null: free.
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<std::size_t> free_slots_;
  net::Deadline log_time_;  // runs while records wait to be handed over
};

}  // namespace marquee::proxy
