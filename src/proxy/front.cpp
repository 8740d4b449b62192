#include "proxy/front.hpp"

#include <algorithm>
#include <utility>

#include "tls/name_check.hpp"

namespace marquee::proxy {
namespace {

// Idle connections looked at, and ended, in one go.
constexpr std::size_t slots_per_sweep = 8192;
constexpr std::size_t ended_for_memory = 256;
constexpr std::size_t ended_for_descriptors = 32;

// Kept from a peak for the next one.
constexpr std::size_t free_exchanges = 256;

constexpr std::uint64_t waiter_of(std::size_t slot, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | static_cast<std::uint32_t>(slot);
}

Scheme scheme_of(const ListenerFacts& l) { return l.secure() ? Scheme::https : Scheme::http; }

}  // namespace

Front::Front(net::Worker& worker, const ProxyMetrics& metrics, base::Cells& cells,
             SharedCounts& shared, base::Logger& logger, base::WorkerLog* log, TlsFront::Parts tls)
    : worker_(worker),
      metrics_(metrics),
      cells_(cells),
      shared_(shared),
      logger_(logger),
      random_(base::Random::from_kernel()),
      worker_log_(log),
      records_(metrics, cells, nullptr),
      access_(worker.turn(), metrics, cells, random_.next(),
              [&worker](std::function<void()> job) { worker.post(std::move(job)); }),
      services_(worker.turn(), snapshots_, records_, random_),
      exchanges_(services_),
      tls_(worker, snapshots_, tls, [this](std::uint64_t waiter) { continue_handshake(waiter); }) {
  add_gate(GateKind::access, access_);
  access_.on_forward_failure([this](std::string_view server, std::string_view why) {
    logger_.write(base::LogLevel::warn, shared_.forward_log, worker_.turn().now(),
                  "forward authentication is of no use", {{"forward", server}, {"reason", why}});
  });
  services_.filters = &filters_;
  services_.edge_paths.add(std::string(kSheetPrefix), EdgePaths::Match::prefix,
                           EdgePaths::When::domain, stylesheets_);
  worker_.on_turn_end([this] { on_turn_end(); });
  services_.tenant_context.tell([this](bool minted) {
    (minted ? metrics_.contexts_minted : metrics_.contexts_failed).increment(cells_);
  });
}

Front::~Front() { close_all(); }

void Front::continue_handshake(std::uint64_t waiter) {
  const auto i = static_cast<std::uint32_t>(waiter);
  if (i < connections_.size() && connections_[i] && connections_[i]->generation == waiter >> 32)
    connections_[i]->continue_handshake();
}

void Front::use_directory(DirectoryAccess directory, const RouteTable::Options& options) {
  routes_ = std::make_unique<RouteTable>(
      directory, options, [this](std::function<void()> job) { worker_.post(std::move(job)); },
      [this](std::uint64_t waiter) { continue_handshake(waiter); });
  services_.routes = routes_.get();
  tls_.use_routes(routes_.get());
}

void Front::use_calls(CallRecords::HandOver hand_over) {
  calls_ = std::make_unique<CallRecords>(worker_.turn(), std::move(hand_over));
  records_.set_calls(calls_.get());
}

void Front::add_gate(GateKind kind, std::unique_ptr<Gate> gate) {
  add_gate(kind, *gate);
  gates_.push_back(std::move(gate));
}

void Front::on_turn_end() {
  if (log_ && log_->pending()) {
    log_->tick(worker_.turn().now());
    // A worker that goes to sleep must wake for its log.
    if (!log_time_.armed())
      worker_.turn().deadlines().arm(log_time_, *this, net::Ms(1000), worker_.turn().now());
  }
  exchanges_.trim(free_exchanges);
  // What was closed in this turn is destroyed by now.
  if (std::exchange(freed_, false))
    for (auto& listener : listeners_) listener->resume();
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
  const std::string& key_set = *snapshot->settings().context.jwks_path;
  if (snapshots_.alive() == 0 && key_set != "off")  // another one takes a restart
    services_.edge_paths.add(key_set, EdgePaths::Match::exact, EdgePaths::When::any_host, key_set_);
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
    auto pool = std::make_shared<ConnectionPool>(worker_, tls_.buffers(), group,
                                                 snapshot->settings().upstreams[pools.size()],
                                                 random_.next());
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
  if (routes_) routes_->install(snapshot);
  access_.install(snapshot->settings());
  if (calls_) calls_->install(snapshot->settings().tenants.record_calls);
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
      worker_, std::move(fd), std::move(facts), shared_,
      [this](net::Fd accepted, const base::IpAddress& peer, std::uint16_t port,
             const std::shared_ptr<const ListenerFacts>& listener) {
        accept(std::move(accepted), peer, port, listener);
      },
      [this] { on_descriptors_short(); }));
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
  std::optional<base::ClientPrefix> counted;
  if (shared_.memory_short.load(std::memory_order_relaxed))
    return refuse(ConnectionRefusal::memory, peer);
  // Behind a PROXY header stands another client; see on_client_known().
  if (listener->proxy_protocol == config::ProxyProtocol::off && !listener->local() &&
      !admit(peer, snapshots_.current().shared->trusted().contains(peer), listener->secure(),
             counted))
    return;
  const std::uint32_t most = snapshots_.current().shared->settings().limits.connections;
  if (!shared_.enter(most)) {
    if (counted) shared_.clients.leave(*counted);
    return refuse(ConnectionRefusal::connections, peer);
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
    shared_.leave();
    return;
  }
  metrics_.connections.add(cells_, 1, scheme_of(*listener));
  if (slot == connections_.size())
    connections_.emplace_back();
  else
    free_slots_.pop_back();
  connections_[slot] = std::move(connection);
  connections_[slot]->start();
}

// A client's own bounds. A trusted proxy speaks for many: it has no count.
bool Front::admit(const base::IpAddress& client, bool trusted, bool secure,
                  std::optional<base::ClientPrefix>& counted) {
  if (secure && !tls_.within_budget(client)) {
    metrics_.handshakes.increment(cells_, HandshakeResult::refused_budget, TlsVersion::none);
    return false;
  }
  const std::uint32_t most = snapshots_.current().shared->settings().limits.connections_per_client;
  if (most == 0 || trusted) return true;
  const base::ClientPrefix prefix = base::client_prefix(client, 32, 64);
  if (!shared_.clients.enter(prefix, most)) {
    refuse(ConnectionRefusal::client, client);
    return false;
  }
  counted = prefix;
  return true;
}

bool Front::on_client_known(ClientConnection& connection) {
  return admit(connection.client, connection.trusted, connection.secure, connection.counted);
}

void Front::refuse(ConnectionRefusal why, const base::IpAddress& client) {
  metrics_.refused_connections.increment(cells_, why);
  logger_.write(base::LogLevel::warn, shared_.refusal_log[static_cast<std::size_t>(why)],
                worker_.turn().now(), "connection refused",
                {{"reason", name(why)}, {"client", client.text()}});
}

void Front::on_descriptors_short() {
  metrics_.accept_pauses.increment(cells_);
  logger_.write(base::LogLevel::warn, shared_.pause_log, worker_.turn().now(),
                "descriptors short: accepting waits",
                {{"connections", shared_.connections.load(std::memory_order_relaxed)}});
  end_idle(ended_for_descriptors);
}

void Front::shed() {
  end_idle(ended_for_memory);
  exchanges_.trim(0);
  worker_.turn().buffers().trim();
}

// Those that wait between two requests lose least. Round robin over the slots, so
// that a bounded sweep meets all of them in time.
void Front::end_idle(std::size_t most) {
  const std::size_t slots = std::min(connections_.size(), slots_per_sweep);
  for (std::size_t i = 0; i < slots && most > 0; ++i) {
    if (++idle_cursor_ >= connections_.size()) idle_cursor_ = 0;
    const auto& connection = connections_[idle_cursor_];
    if (!connection || !connection->between_requests()) continue;
    connection->drain();
    --most;
  }
}

void Front::on_closed(ClientConnection& connection) {
  shared_.leave();
  freed_ = true;
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
  const DomainPlan* own = services_.routes ? services_.routes->find(name, turn_.now(), {}).plan
                                           : services_.snapshots.current().shared->find(name).plan;
  return own && tls::covers(own->covered, host);
}

}  // namespace marquee::proxy
