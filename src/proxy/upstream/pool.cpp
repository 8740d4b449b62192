#include "proxy/upstream/pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/socket.hpp"
#include "proxy/upstream/balance.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::proxy {
namespace {

// Requests of one pool that wait for its first address, or for a stream; more are
// refused. One tenant may be that many of them as of a connection's streams.
constexpr std::uint32_t most_waiting = 1024;

// Whose fault it is that no connection was begun (connect(2), socket(2)).
UpstreamFailure connect_error(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:  // no local port left
      return UpstreamFailure::local_limit;
    default:
      return UpstreamFailure::connect_refused;
  }
}

}  // namespace

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

ConnectionPool::ConnectionPool(net::Worker& worker, tls::EngineBuffers& buffers,
                               std::shared_ptr<EndpointGroup> group,
                               const config::Upstream& settings, std::uint64_t seed)
    : worker_(worker),
      buffers_(buffers),
      group_(std::move(group)),
      settings_(settings),
      rule_(ejection_rule(settings.ejection, group_->endpoints.size())),
      targets_(group_->endpoints.size()),
      candidates_(group_->endpoints.size()),
      cursor_(worker.index()),
      random_(seed | 1) {}

ConnectionPool::~ConnectionPool() = default;

HealthTime ConnectionPool::now() const {
  return std::chrono::duration_cast<HealthTime>(worker_.turn().now().time_since_epoch());
}

void ConnectionPool::set_addresses(std::size_t endpoint, std::vector<SocketAddress> addresses) {
  targets_[endpoint].addresses = std::move(addresses);
  targets_[endpoint].asked = true;
  if (!waiting_.empty() && !waits_for_names()) go_on_waiting();
}

// At the start, and after a reload that brought a new name.
bool ConnectionPool::waits_for_names() const {
  bool unasked = false;
  for (const Target& target : targets_) {
    if (!target.addresses.empty()) return false;
    unasked |= !target.asked;
  }
  return unasked;
}

// Those that still find nothing keep their places. Whom one of them calls may
// cancel another.
void ConnectionPool::go_on_waiting() {
  for (std::size_t left = waiting_.size(); left > 0 && !waiting_.empty(); --left) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    const UpstreamFailure why =
        try_endpoints({*next.asker, next.fresh, 0}, UpstreamFailure::no_endpoint);
    if (why == UpstreamFailure::pool_full)
      waiting_.push_back(next);
    else if (why != UpstreamFailure::none)
      next.asker->on_upstream_unavailable(why);
  }
  if (waiting_.empty()) waiting_time_.disarm();
}

void ConnectionPool::on_deadline(net::Deadline&) {
  const net::TimePoint now = worker_.turn().now();
  for (;;) {
    const auto late = std::find_if(waiting_.begin(), waiting_.end(),
                                   [now](const Waiting& w) { return w.until <= now; });
    if (late == waiting_.end()) break;
    const Waiting gone = *late;
    waiting_.erase(late);
    gone.asker->on_upstream_unavailable(gone.why);
  }
  if (waiting_.empty()) return;
  const auto next = std::min_element(waiting_.begin(), waiting_.end(),
                                     [](auto& a, auto& b) { return a.until < b.until; });
  worker_.turn().deadlines().arm(waiting_time_, *this, settings_.connect,
                                 next->until - settings_.connect);
}

bool ConnectionPool::wait(UpstreamRequest& asker, bool fresh, UpstreamFailure why) {
  if (waiting_.size() >= most_waiting) return false;
  const std::uint64_t tenant = asker.tenant();
  const auto same = std::count_if(waiting_.begin(), waiting_.end(),
                                  [tenant](const Waiting& w) { return w.tenant == tenant; });
  if (why == UpstreamFailure::pool_full &&
      same >= tenant_quota(most_waiting, settings_.http2.tenant_share))
    return false;
  const net::TimePoint now = worker_.turn().now();
  waiting_.push_back({&asker, fresh, now + settings_.connect, why, tenant});
  if (!waiting_time_.armed())
    worker_.turn().deadlines().arm(waiting_time_, *this, settings_.connect, now);
  return true;
}

void ConnectionPool::open(UpstreamRequest& asker, bool fresh) {
  if (waits_for_names() && wait(asker, fresh, UpstreamFailure::no_endpoint)) return;
  place(asker, fresh, 0, UpstreamFailure::no_endpoint);
}

void ConnectionPool::place(UpstreamRequest& asker, bool fresh, std::uint64_t tried,
                           UpstreamFailure last) {
  const UpstreamFailure why = try_endpoints({asker, fresh, tried}, last);
  if (why == UpstreamFailure::none) return;
  // Streams come free one by one and soon; whole connections do not.
  const bool streams = std::any_of(targets_.begin(), targets_.end(),
                                   [](const Target& t) { return !t.multiplexed.empty(); });
  if (why == UpstreamFailure::pool_full && streams && wait(asker, fresh, why)) return;
  asker.on_upstream_unavailable(why);
}

// Chooses among the endpoints that this request has not been to, until one has
// a connection or begins to make one; none: it has.
UpstreamFailure ConnectionPool::try_endpoints(Errand errand, UpstreamFailure last) {
  for (std::size_t i = 0; i < targets_.size(); ++i)
    candidates_[i] = {targets_[i].in_use, group_->endpoints[i]->health.eligible(now()),
                      (errand.tried >> i & 1) != 0 || targets_[i].addresses.empty()};
  for (;;) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const Choice choice = choose(candidates_, settings_.balance, random_, cursor_);
    if (choice.index == Choice::kNone) return last;
    const std::size_t i = choice.index;
    candidates_[i].tried = true;
    const bool multiplexed = group_->endpoints[i]->endpoint.multiplexed();
    if (multiplexed && errand.asker.request().upgrade) {
      last = UpstreamFailure::no_tunnel;
      continue;
    }
    EndpointHealth& health = group_->endpoints[i]->health;
    errand.ticket = choice.panic ? health.force(now(), rule_) : health.admit(now(), rule_);
    if (errand.ticket.kind == HealthTicket::Kind::refused) continue;
    errand.tried |= std::uint64_t{1} << i;
    if (multiplexed) {
      last = multiplex(i, errand);
      if (last == UpstreamFailure::none) return last;
      continue;
    }
    Target& target = targets_[i];
    if (!errand.fresh && !target.idle.empty()) {
      H1Upstream& connection = *target.idle.back();
      target.idle.pop_back();
      ++target.in_use;
      connection.errand.ticket = errand.ticket;
      connection.errand.ticket_open = true;
      connection.errand.tried = errand.tried;
      hand_over(connection, errand.asker, true);
      return UpstreamFailure::none;
    }
    if (target.connections >= settings_.max_connections) {
      health.abandoned(errand.ticket, now());
      last = UpstreamFailure::pool_full;
      continue;
    }
    last = connect(i, errand);
    if (last == UpstreamFailure::none) return last;
  }
}

// A connect() under way to one of the endpoint's addresses; no descriptor where
// that failed at once.
UpstreamFailure ConnectionPool::begin_connect(std::size_t endpoint,
                                              UpstreamConnection::Parts& parts) {
  Target& target = targets_[endpoint];
  const SharedEndpoint& shared = *group_->endpoints[endpoint];
  const SocketAddress& address = target.addresses[target.next_address++ % target.addresses.size()];
  net::Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return connect_error(errno);
  if (address.storage.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), raw, address.size) != 0 && errno != EINPROGRESS)
    return connect_error(errno);
  parts.tls = shared.endpoint.uses_tls();
  if (parts.tls) {
    const tls::ClientContext& context =
        shared.endpoint.multiplexed() ? *group_->tls_h2 : *group_->tls;
    parts.stream = std::make_unique<tls::Engine>(context, shared.server_name, fd.get(), buffers_);
  } else {
    parts.stream = std::make_unique<net::PlainStream>(fd.get());
  }
  parts.fd = std::move(fd);
  return UpstreamFailure::none;
}

// False when the kernel does not watch it.
bool ConnectionPool::add(std::unique_ptr<UpstreamConnection> connection, std::size_t endpoint) {
  if (!worker_.watch(connection->fd(), *connection)) return false;
  connection->await_connect(settings_.connect);
  take_over(std::move(connection), endpoint);
  return true;
}

void ConnectionPool::take_over(std::unique_ptr<UpstreamConnection> connection,
                               std::size_t endpoint) {
  connection->place = {static_cast<std::uint32_t>(endpoint), connections_.size()};
  ++targets_[endpoint].connections;
  group_->endpoints[endpoint]->connections.fetch_add(1, std::memory_order_relaxed);
  connections_.push_back(std::move(connection));
}

UpstreamFailure ConnectionPool::connect(std::size_t endpoint, const Errand& errand) {
  UpstreamConnection::Parts parts;
  const UpstreamFailure why = begin_connect(endpoint, parts);
  if (why != UpstreamFailure::none) return not_begun(endpoint, errand.ticket, why);
  auto connection = std::make_unique<H1Upstream>(worker_.turn(), *this, std::move(parts));
  connection->errand = {&errand.asker, errand.tried, errand.fresh, errand.ticket, true};
  if (!add(std::move(connection), endpoint))
    return not_begun(endpoint, errand.ticket, UpstreamFailure::local_limit);
  ++targets_[endpoint].in_use;
  return UpstreamFailure::none;
}

UpstreamFailure ConnectionPool::not_begun(std::size_t endpoint, const HealthTicket& ticket,
                                          UpstreamFailure why) {
  EndpointHealth& health = group_->endpoints[endpoint]->health;
  if (why == UpstreamFailure::local_limit)
    health.abandoned(ticket, now());
  else
    health.failed(ticket, now(), rule_, group_->share);
  return why;
}

void ConnectionPool::hand_over(H1Upstream& connection, UpstreamRequest& asker, bool reused) {
  UpstreamFacts facts;
  facts.endpoint = group_->endpoints[connection.place.endpoint]->text;
  facts.reused = reused;
  facts.connect_us = reused ? -1 : connection.connect_us();
  connection.errand.waiting = nullptr;
  connection.serve(asker);
  asker.on_upstream_ready(connection, facts);
}

void ConnectionPool::cancel(UpstreamRequest& asker) {
  std::erase_if(waiting_, [&](const Waiting& w) { return w.asker == &asker; });
  std::erase_if(failed_, [&](const auto& w) { return w.asker == &asker; });
  // The connection goes on and will be idle: somebody else may want it soon.
  for (auto& connection : connections_) {
    if (connection->multiplexed()) {
      cancel_waiter(static_cast<H2Upstream&>(*connection), asker);
      continue;
    }
    auto& errand = static_cast<H1Upstream&>(*connection).errand;
    if (errand.waiting == &asker) errand.waiting = nullptr;
  }
}

void ConnectionPool::on_connected(UpstreamConnection& connection) {
  if (connection.multiplexed()) return serve_waiters(static_cast<H2Upstream&>(connection));
  auto& h1 = static_cast<H1Upstream&>(connection);
  if (UpstreamRequest* asker = h1.errand.waiting) return hand_over(h1, *asker, false);
  if (std::exchange(h1.errand.ticket_open, false))
    on_verdict(connection, h1.errand.ticket, Verdict::none);
  on_idle(connection);
}

void ConnectionPool::on_connect_failed(UpstreamConnection& connection, UpstreamFailure why) {
  if (connection.multiplexed()) return fail_waiters(static_cast<H2Upstream&>(connection), why);
  auto& errand = static_cast<H1Upstream&>(connection).errand;
  UpstreamRequest* asker = std::exchange(errand.waiting, nullptr);
  const std::uint64_t tried = errand.tried;
  const bool fresh = errand.fresh;
  if (std::exchange(errand.ticket_open, false)) on_verdict(connection, errand.ticket, Verdict::bad);
  on_closed(connection);
  if (asker) place(*asker, fresh, tried, why);
}

void ConnectionPool::on_idle(UpstreamConnection& connection) {
  if (connection.multiplexed()) {
    connection.become_idle(settings_.idle);
    if (retired_) static_cast<H2Upstream&>(connection).retire();
    return;
  }
  Target& target = targets_[connection.place.endpoint];
  --target.in_use;
  if (retired_ || target.idle.size() >= settings_.max_idle) {
    ++target.in_use;
    return on_closed(connection);
  }
  connection.become_idle(settings_.idle);
  target.idle.push_back(&static_cast<H1Upstream&>(connection));
}

void ConnectionPool::leave(UpstreamConnection& connection) {
  Target& target = targets_[connection.place.endpoint];
  --target.connections;
  if (connection.multiplexed()) {
    std::erase(target.multiplexed, &static_cast<H2Upstream&>(connection));
    return;
  }
  if (std::erase(target.idle, &static_cast<H1Upstream&>(connection)) == 0) --target.in_use;
}

std::unique_ptr<UpstreamConnection> ConnectionPool::take_out(UpstreamConnection& connection) {
  group_->endpoints[connection.place.endpoint]->connections.fetch_sub(1, std::memory_order_relaxed);
  leave(connection);
  const std::size_t index = connection.place.index;
  std::unique_ptr<UpstreamConnection> out = std::move(connections_[index]);
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->place.index = index;
  }
  connections_.pop_back();
  return out;
}

void ConnectionPool::on_closed(UpstreamConnection& connection) {
  if (!connection.multiplexed()) {
    auto& errand = static_cast<H1Upstream&>(connection).errand;
    if (std::exchange(errand.ticket_open, false))
      on_verdict(connection, errand.ticket, Verdict::none);
  }
  const bool multiplexed = connection.multiplexed();
  worker_.turn().retire(take_out(connection));
  if (multiplexed && !waiting_.empty() && !waits_for_names()) go_on_waiting();
}

void ConnectionPool::retune(const config::Upstream& settings) {
  settings_ = settings;
  rule_ = ejection_rule(settings.ejection, group_->endpoints.size());
  for (Target& target : targets_)
    for (H2Upstream* connection : target.multiplexed) connection->retune(settings.http2);
}

void ConnectionPool::adopt(ConnectionPool& old) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    for (std::size_t j = 0; j < old.targets_.size(); ++j) {
      const SharedEndpoint& mine = *group_->endpoints[i];
      const SharedEndpoint& theirs = *old.group_->endpoints[j];
      if (!(mine.endpoint == theirs.endpoint)) continue;
      targets_[i].addresses = old.targets_[j].addresses;
      targets_[i].asked = old.targets_[j].asked;
      // Whom the old settings let in, the new ones may not.
      if (!(mine.key == theirs.key)) continue;
      const std::vector<H1Upstream*> idle = old.targets_[j].idle;
      for (H1Upstream* connection : idle) {
        auto moved = old.take_out(*connection);
        moved->set_owner(*this);
        targets_[i].idle.push_back(connection);
        take_over(std::move(moved), i);
      }
      const std::vector<H2Upstream*> multiplexed = old.targets_[j].multiplexed;
      for (H2Upstream* connection : multiplexed) {
        if (connection->state() != UpstreamConnection::State::idle) continue;
        auto moved = old.take_out(*connection);
        moved->set_owner(*this);
        connection->retune(settings_.http2);
        targets_[i].multiplexed.push_back(connection);
        take_over(std::move(moved), i);
      }
    }
  }
}

void ConnectionPool::on_verdict(UpstreamConnection& connection, const HealthTicket& ticket,
                                Verdict verdict) {
  judge(connection.place.endpoint, ticket, verdict);
}

void ConnectionPool::judge(std::uint32_t endpoint, const HealthTicket& ticket, Verdict verdict) {
  SharedEndpoint& shared = *group_->endpoints[endpoint];
  switch (verdict) {
    case Verdict::good:
      shared.health.succeeded(ticket, group_->share);
      break;
    case Verdict::bad:
      shared.failures.fetch_add(1, std::memory_order_relaxed);
      shared.health.failed(ticket, now(), rule_, group_->share);
      break;
    case Verdict::none:
      shared.health.abandoned(ticket, now());
      break;
  }
}

void ConnectionPool::retire() {
  retired_ = true;
  for (Target& target : targets_) {
    auto idle = target.idle;
    for (H1Upstream* connection : idle) on_closed(*connection);
    for (H2Upstream* connection : target.multiplexed) connection->retire();
  }
}

}  // namespace marquee::proxy
