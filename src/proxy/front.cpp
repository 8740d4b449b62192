#include "proxy/front.hpp"

#include <algorithm>

#include "tls/name_check.hpp"

namespace marquee::proxy {
namespace {

constexpr std::uint64_t waiter_of(std::size_t slot, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(slot);
}

Scheme scheme_of(const ListenerFacts& l) { return l.secure() ? Scheme::https : Scheme::http; }

}  // namespace

bool ClientCounts::enter(const base::ClientPrefix& client, std::uint32_t limit) {
  Shard& s = shard(client);
  const std::lock_guard hold(s.lock);
  std::uint32_t& count = s.counts[client];
  if (count >= limit) return false;
  ++count;
  return true;
}

void ClientCounts::leave(const base::ClientPrefix& client) {
  Shard& s = shard(client);
  const std::lock_guard hold(s.lock);
  const auto it = s.counts.find(client);
  if (it != s.counts.end() && --it->second == 0) s.counts.erase(it);
}

Front::Front(net::Worker& worker, const ProxyMetrics& metrics, base::Cells& cells,
             SharedCounts& shared, base::WorkerLog* log, TlsFront::Parts tls)
    : worker_(worker),
      metrics_(metrics),
      cells_(cells),
      shared_(shared),
      random_(base::Random::from_kernel()),
      worker_log_(log),
      records_(metrics, cells, nullptr),
      services_(worker.turn(), snapshots_, records_, random_),
      exchanges_(services_),
      tls_(worker, snapshots_, tls, [this](std::uint64_t waiter) {
        const auto i = static_cast<std::uint32_t>(waiter);
        if (i < connections_.size() && connections_[i] &&
            connections_[i]->generation == waiter >> 32)
          connections_[i]->continue_handshake();
      }) {
  worker_.on_turn_end([this] { on_turn_end(); });
}

Front::~Front() { close_all(); }

void Front::on_turn_end() {
  if (log_ && log_->pending()) {
    log_->tick(worker_.turn().now());
    // A worker that goes to sleep must wake for its log.
    if (!log_time_.armed())
      worker_.turn().deadlines().arm(log_time_, *this, net::Ms(1000), worker_.turn().now());
  }
  if (!retiring_.empty())
    std::erase_if(retiring_, [](const auto& pool) { return pool->connections() == 0; });
}

void Front::on_deadline(net::Deadline&) {
  if (log_) log_->tick(worker_.turn().now());
}

void Front::install(std::shared_ptr<const Snapshot> snapshot,
                    const std::vector<std::shared_ptr<EndpointGroup>>& groups,
                    std::shared_ptr<const tls::ServerContext> context) {
  const config::Log& log = snapshot->settings().log;
  if (worker_log_ && log.access_format != config::AccessFormat::off) {
    log_ = std::make_unique<AccessLog>(log.access_format == config::AccessFormat::json
                                           ? AccessFormatter::Format::json
                                           : AccessFormatter::Format::combined,
                                       *worker_log_);
  } else {
    log_.reset();
  }
  records_.set_log(log_.get());
  std::vector<std::shared_ptr<UpstreamPool>> old;
  if (snapshots_.alive() > 0) old = snapshots_.current().pools;
  std::vector<std::shared_ptr<UpstreamPool>> pools;
  for (const auto& group : groups) {
    auto same = std::find_if(old.begin(), old.end(), [&](const auto& p) {
      return p && &static_cast<ConnectionPool&>(*p).group() == group.get();
    });
    if (same != old.end()) {
      static_cast<ConnectionPool&>(**same).retune(snapshot->settings().upstreams[pools.size()]);
      pools.push_back(std::move(*same));
      same->reset();
      continue;
    }
    auto pool =
        std::make_shared<ConnectionPool>(worker_, tls_.buffers(), group,
                                 snapshot->settings().upstreams[pools.size()], random_.next());
    for (const auto& p : old)
      if (p && static_cast<ConnectionPool&>(*p).group().name == group->name)
        pool->adopt(static_cast<ConnectionPool&>(*p));
    pools.push_back(std::move(pool));
  }
  for (auto& pool : old) {
    if (!pool) continue;
    auto h1 = std::static_pointer_cast<ConnectionPool>(pool);
    h1->retire();
    retiring_.push_back(std::move(h1));
  }
  tls_.install(std::move(context));
  if (snapshots_.alive() > 0) drain_moved(*snapshots_.current().shared, *snapshot);
  snapshots_.install(std::move(snapshot), std::move(pools));
  exchanges_.for_each_active([](Exchange& e) { e.leave_snapshot(); });
}

// A name that went to another agency, or away: its connections end after their
// present answers (design 2, the 421 rule).
void Front::drain_moved(const Snapshot& old, const Snapshot& next) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (!connections_[i]) continue;
    ClientConnection& c = *connections_[i];
    if (!c.tls || c.tls->sni.empty()) continue;
    const Snapshot::Found was = old.find(c.tls->sni);
    const Snapshot::Found is = next.find(c.tls->sni);
    if (was.plan && (!is.plan || !is.plan->domain->enabled ||
                     was.plan->domain->agency.text() != is.plan->domain->agency.text()))
      c.drain();
  }
}

void Front::set_addresses(const EndpointGroup& group, std::size_t endpoint,
                          const std::vector<SocketAddress>& addresses) {
  for (const auto& pool : snapshots_.current().pools) {
    auto& h1 = static_cast<ConnectionPool&>(*pool);
    if (&h1.group() == &group) h1.set_addresses(endpoint, addresses);
  }
}

bool Front::add_listener(net::Fd fd, std::shared_ptr<const ListenerFacts> facts) {
  listeners_.push_back(std::make_unique<Listener>(
      worker_, std::move(fd), std::move(facts),
      [this](net::Fd accepted, const base::IpAddress& peer, std::uint16_t port,
             const std::shared_ptr<const ListenerFacts>& listener) {
        accept(std::move(accepted), peer, port, listener);
      },
      [this] { metrics_.accept_pauses.increment(cells_); }));
  return listeners_.back()->start();
}

void Front::remove_listener(std::uint32_t id) {
  for (auto& listener : listeners_) {
    if (!listener || listener->facts().id != id) continue;
    listener->accept_rest();
    worker_.turn().retire(std::move(listener));
  }
  std::erase(listeners_, nullptr);
}

void Front::update_listener(std::shared_ptr<const ListenerFacts> facts) {
  for (auto& listener : listeners_)
    if (listener->facts().id == facts->id) listener->set_facts(facts);
}

void Front::accept(net::Fd fd, const base::IpAddress& peer, std::uint16_t port,
                   const std::shared_ptr<const ListenerFacts>& listener) {
  metrics_.accepted.increment(cells_, scheme_of(*listener));
  const config::Limits& limits = snapshots_.current().shared->settings().limits;
  if (shared_.connections.load(std::memory_order_relaxed) >= limits.connections) {
    metrics_.refused_connections.increment(cells_);
    return;
  }
  if (listener->secure() && !tls_.within_budget(peer)) {
    metrics_.handshakes.increment(cells_, HandshakeResult::refused_budget, TlsVersion::none);
    return;
  }
  std::optional<base::ClientPrefix> counted;
  if (limits.connections_per_client != 0) {
    counted = base::client_prefix(peer, 32, 64);
    if (!shared_.clients.enter(*counted, limits.connections_per_client)) {
      metrics_.refused_connections.increment(cells_);
      return;
    }
  }
  const int raw = fd.get();
  auto connection = std::make_unique<ClientConnection>(services_, exchanges_, *this, listener,
                                                       std::move(fd), peer, port);
  const std::size_t slot = free_slots_.empty() ? connections_.size() : free_slots_.back();
  connection->slot = slot;
  connection->counted = counted;
  connection->generation = static_cast<std::uint32_t>(random_.next());
  if (listener->secure()) {
    auto engine =
        tls_.make_engine(raw, waiter_of(slot, connection->generation), listener->fallback);
    if (engine)
      connection->use_tls(tls_.context(), std::move(engine));
    else
      connection.reset();
  }
  if (!connection || !worker_.watch(raw, *connection)) {
    if (counted) shared_.clients.leave(*counted);
    return;
  }
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  metrics_.connections.add(cells_, 1, scheme_of(*listener));
  if (slot == connections_.size())
    connections_.emplace_back();
  else
    free_slots_.pop_back();
  connections_[slot] = std::move(connection);
  connections_[slot]->start();
}

void Front::on_closed(ClientConnection& connection) {
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  metrics_.connections.add(cells_, -1, scheme_of(connection.listener()));
  if (connection.counted) shared_.clients.leave(*connection.counted);
  free_slots_.push_back(connection.slot);
  worker_.turn().retire(std::move(connections_[connection.slot]));
}

void Front::on_handshake(ClientConnection& connection, HandshakeEnd how) {
  const tls::SessionInfo* info = connection.tls;
  const TlsVersion version = !info                        ? TlsVersion::none
                             : info->version == "TLSv1.3" ? TlsVersion::v13
                                                          : TlsVersion::v12;
  HandshakeResult result = HandshakeResult::failed;
  if (how == HandshakeEnd::timed_out) result = HandshakeResult::timed_out;
  if (how == HandshakeEnd::done)
    result = info->resumed ? HandshakeResult::resumed : HandshakeResult::full;
  else
    tls_.failed(connection.client);
  metrics_.handshakes.increment(cells_, result, version);
}

void Front::drain() {
  services_.draining = true;
  for (auto& listener : listeners_) {
    listener->accept_rest();
    worker_.turn().retire(std::move(listener));
  }
  listeners_.clear();
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (connections_[i]) connections_[i]->drain();
}

void Front::close_all() {
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (connections_[i]) connections_[i]->close_now();
  // HTTP/2 upstreams are told (GOAWAY) that nothing more comes.
  if (snapshots_.alive() > 0)
    for (const auto& pool : snapshots_.current().pools)
      static_cast<ConnectionPool&>(*pool).retire();
  while (worker_.turn().finish()) {  // what ends may put off more
  }
  if (log_) log_->flush();
}

bool ClientConnection::certificate_covers(std::string_view host) const {
  if (!tls) return false;
  const std::string_view name = tls->sni.empty() ? std::string_view(fallback) : tls->sni;
  const Snapshot::Found own = services_.snapshots.current().shared->find(name);
  return own.plan && tls::covers(own.plan->covered, host);
}

}  // namespace marquee::proxy
