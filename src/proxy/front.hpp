// One worker's share of the proxy: its listeners, its client connections, its
// pools, and the services that its exchanges run on. Everything here belongs to
// the worker's thread; the control thread reaches it by Worker::post().
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/uuid.hpp"
#include "net/worker.hpp"
#include "proxy/access_gate.hpp"
#include "proxy/branding/stylesheet.hpp"
#include "proxy/call_records.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/filter/response_filters.hpp"
#include "proxy/gate.hpp"
#include "proxy/key_set_answer.hpp"
#include "proxy/listener.hpp"
#include "proxy/overload.hpp"
#include "proxy/request_records.hpp"
#include "proxy/route_table.hpp"
#include "proxy/tls_front.hpp"
#include "proxy/upstream/pool.hpp"

namespace marquee::proxy {

class Front final : public ConnectionOwner, public net::Expiring {
 public:
  Front(net::Worker& worker, const ProxyMetrics& metrics, base::Cells& cells, SharedCounts& shared,
        base::Logger& logger, base::WorkerLog* log, TlsFront::Parts tls);
  ~Front();

  // Before install() of settings that want an access log where none was wanted.
  void set_log(base::WorkerLog* log) { worker_log_ = log; }
  // Before the first install(): domains that the settings do not name are looked up.
  void use_directory(DirectoryAccess directory, const RouteTable::Options& options);
  // Before the first install().
  void add_gate(GateKind kind, std::unique_ptr<Gate> gate);
  // `gate` outlives this.
  void add_gate(GateKind kind, Gate& gate) { services_.gate(kind) = &gate; }

  // Before the first install(): where calls of modules' APIs are handed over.
  void use_calls(CallRecords::HandOver hand_over);
  // What waits of them, at once; on the worker.
  void flush_calls() {
    if (calls_) calls_->flush();
  }

  // Who asks: gets keys and revocations from the control thread.
  AccessGate& access() { return access_; }
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
  // Memory is short: ends idle connections, at most some hundred, and gives free
  // buffers back.
  void shed();
  // Ends what is left.
  void close_all();
  std::size_t snapshots_alive() const { return snapshots_.alive(); }
  void set_https_port(unsigned port) { services_.https_port = port; }
  // Keys that sign the tenant context.
  void set_context_keys(std::shared_ptr<const identity::KeyRing> keys) {
    services_.tenant_context.install(std::move(keys));
  }

  // ConnectionOwner
  void on_closed(ClientConnection& connection) override;
  void on_handshake(ClientConnection& connection, HandshakeEnd how) override;
  bool on_client_known(ClientConnection& connection) override;

  void on_deadline(net::Deadline& which) override;

 private:
  void accept(net::Fd fd, const base::IpAddress& peer, std::uint16_t port,
              const std::shared_ptr<const ListenerFacts>& listener);
  bool admit(const base::IpAddress& client, bool trusted, bool secure,
             std::optional<base::ClientPrefix>& counted);
  void refuse(ConnectionRefusal why, const base::IpAddress& client);
  void on_descriptors_short();
  void end_idle(std::size_t most);
  void on_turn_end();
  void continue_handshake(std::uint64_t waiter);
  void drain_moved(const Snapshot& old, const Snapshot& next);

  net::Worker& worker_;
  const ProxyMetrics& metrics_;
  base::Cells& cells_;
  SharedCounts& shared_;
  base::Logger& logger_;
  base::Random random_;
  std::unique_ptr<AccessLog> log_;
  base::WorkerLog* worker_log_;
  RequestRecords records_;
  std::unique_ptr<CallRecords> calls_;  // null: there is no database to record them in
  SnapshotSlot snapshots_;
  std::vector<std::unique_ptr<Gate>> gates_;
  AccessGate access_;
  std::unique_ptr<RouteTable> routes_;  // null: the settings are the only directory
  ResponseFilters filters_;
  Stylesheets stylesheets_;
  Services services_;
  KeySetAnswer key_set_{services_.tenant_context};
  ExchangePool exchanges_;
  TlsFront tls_;
  std::vector<std::shared_ptr<ConnectionPool>> retiring_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  // By slot: a place is kept while its connection lives, so that a waiter's
  // {slot, generation} finds it; null: free.
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<std::size_t> free_slots_;
  std::size_t idle_cursor_ = 0;  // where end_idle() goes on
  bool freed_ = false;           // a descriptor of this turn is free again
  net::Deadline log_time_;       // runs while records wait to be handed over
};

}  // namespace marquee::proxy
