#include "proxy/upstream/pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/socket.hpp"
#include "proxy/exchange.hpp"
#include "proxy/upstream/balance.hpp"

namespace marquee::proxy {
namespace {

// Requests of one pool that wait for its first address; more are refused.
constexpr std::size_t most_waiting = 1024;

}  // namespace

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

H1Pool::H1Pool(net::Worker& worker, tls::EngineBuffers& buffers,
               std::shared_ptr<EndpointGroup> group, const config::Upstream& settings,
               std::uint64_t seed)
    : worker_(worker),
      buffers_(buffers),
      group_(std::move(group)),
      settings_(settings),
      rule_(ejection_rule(settings.ejection, group_->endpoints.size())),
      targets_(group_->endpoints.size()),
      candidates_(group_->endpoints.size()),
      cursor_(worker.index()),
      random_(seed | 1) {}

H1Pool::~H1Pool() = default;

HealthTime H1Pool::now() const {
  return std::chrono::duration_cast<HealthTime>(worker_.turn().now().time_since_epoch());
}

void H1Pool::set_addresses(std::size_t endpoint, std::vector<SocketAddress> addresses) {
  targets_[endpoint].addresses = std::move(addresses);
  targets_[endpoint].asked = true;
  if (!waiting_.empty() && !waits_for_names()) go_on_waiting();
}

// At the start, and after a reload that brought a new name.
bool H1Pool::waits_for_names() const {
  bool unasked = false;
  for (const Target& target : targets_) {
    if (!target.addresses.empty()) return false;
    unasked |= !target.asked;
  }
  return unasked;
}

void H1Pool::go_on_waiting() {
  waiting_time_.disarm();
  // Whom one of them calls may cancel another.
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    try_endpoint(*next.exchange, next.fresh, 0, UpstreamFailure::no_endpoint);
  }
}

void H1Pool::on_deadline(net::Deadline&) {
  const net::TimePoint now = worker_.turn().now();
  while (!waiting_.empty() && waiting_.front().until <= now) {
    Exchange& exchange = *waiting_.front().exchange;
    waiting_.pop_front();
    exchange.on_upstream_unavailable(UpstreamFailure::no_endpoint);
  }
  if (!waiting_.empty())
    worker_.turn().deadlines().arm(waiting_time_, *this, settings_.connect,
                                   waiting_.front().until - settings_.connect);
}

void H1Pool::open(Exchange& exchange, bool fresh) {
  if (waits_for_names() && waiting_.size() < most_waiting) {
    const net::TimePoint now = worker_.turn().now();
    waiting_.push_back({&exchange, fresh, now + settings_.connect});
    if (!waiting_time_.armed())
      worker_.turn().deadlines().arm(waiting_time_, *this, settings_.connect, now);
    return;
  }
  try_endpoint(exchange, fresh, 0, UpstreamFailure::no_endpoint);
}

// Chooses among the endpoints that this request has not been to, until one has
// a connection or begins to make one.
void H1Pool::try_endpoint(Exchange& exchange, bool fresh, std::uint64_t tried,
                          UpstreamFailure last) {
  for (std::size_t i = 0; i < targets_.size(); ++i)
    candidates_[i] = {targets_[i].in_use, group_->endpoints[i]->health.eligible(now()),
                      (tried >> i & 1) != 0 || targets_[i].addresses.empty()};
  for (;;) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const Choice choice = choose(candidates_, settings_.balance, random_, cursor_);
    if (choice.index == Choice::kNone) return exchange.on_upstream_unavailable(last);
    const std::size_t i = choice.index;
    EndpointHealth& health = group_->endpoints[i]->health;
    const HealthTicket ticket =
        choice.panic ? health.force(now(), rule_) : health.admit(now(), rule_);
    candidates_[i].tried = true;
    if (ticket.kind == HealthTicket::Kind::refused) continue;
    tried |= std::uint64_t{1} << i;
    Target& target = targets_[i];
    if (!fresh && !target.idle.empty()) {
      H1Upstream& connection = *target.idle.back();
      target.idle.pop_back();
      ++target.in_use;
      connection.place.ticket = ticket;
      connection.place.ticket_open = true;
      connection.place.tried = tried;
      return hand_over(connection, exchange, true);
    }
    if (target.connections >= settings_.max_connections) {
      health.abandoned(ticket, now());
      last = UpstreamFailure::pool_full;
      continue;
    }
    if (connect(exchange, i, tried, ticket, fresh)) return;
    last = UpstreamFailure::connect_refused;
  }
}

// Begins a connection; false when that failed at once.
bool H1Pool::connect(Exchange& exchange, std::size_t endpoint, std::uint64_t tried,
                     HealthTicket ticket, bool fresh) {
  Target& target = targets_[endpoint];
  SharedEndpoint& shared = *group_->endpoints[endpoint];
  auto failed = [&] {
    shared.health.failed(ticket, now(), rule_, group_->share);
    return false;
  };
  const SocketAddress& address = target.addresses[target.next_address++ % target.addresses.size()];
  net::Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed();
  if (address.storage.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), raw, address.size) != 0 && errno != EINPROGRESS) return failed();
  std::unique_ptr<net::ByteStream> stream;
  if (shared.endpoint.uses_tls())
    stream = std::make_unique<tls::Engine>(*group_->tls, shared.server_name, fd.get(), buffers_);
  else
    stream = std::make_unique<net::PlainStream>(fd.get());
  const int raw_fd = fd.get();
  auto connection = std::make_unique<H1Upstream>(worker_.turn(), *this, std::move(fd),
                                                 std::move(stream), shared.endpoint.uses_tls());
  if (!worker_.watch(raw_fd, *connection)) return failed();
  connection->place.endpoint = static_cast<std::uint32_t>(endpoint);
  connection->place.index = connections_.size();
  connection->place.waiting = &exchange;
  connection->place.tried = tried;
  connection->place.fresh = fresh;
  connection->place.ticket = ticket;
  connection->place.ticket_open = true;
  ++target.connections;
  ++target.in_use;
  connection->await_connect(settings_.connect);
  shared.connections.fetch_add(1, std::memory_order_relaxed);
  connections_.push_back(std::move(connection));
  return true;
}

void H1Pool::hand_over(H1Upstream& connection, Exchange& exchange, bool reused) {
  UpstreamFacts facts;
  facts.endpoint = group_->endpoints[connection.place.endpoint]->text;
  facts.reused = reused;
  facts.connect_us = reused ? -1 : connection.connect_us();
  connection.place.waiting = nullptr;
  connection.serve(exchange);
  exchange.on_upstream_ready(connection, facts);
}

void H1Pool::cancel(Exchange& exchange) {
  std::erase_if(waiting_, [&](const Waiting& w) { return w.exchange == &exchange; });
  // The connection goes on and will be idle: somebody else may want it soon.
  for (auto& connection : connections_)
    if (connection->place.waiting == &exchange) connection->place.waiting = nullptr;
}

void H1Pool::on_connected(H1Upstream& connection) {
  if (Exchange* exchange = connection.place.waiting) return hand_over(connection, *exchange, false);
  on_verdict(connection, Verdict::none);
  on_idle(connection);
}

void H1Pool::on_connect_failed(H1Upstream& connection, UpstreamFailure why) {
  Exchange* exchange = connection.place.waiting;
  const std::uint64_t tried = connection.place.tried;
  const bool fresh = connection.place.fresh;
  on_verdict(connection, Verdict::bad);
  connection.place.waiting = nullptr;
  on_closed(connection);
  if (exchange) try_endpoint(*exchange, fresh, tried, why);
}

void H1Pool::on_idle(H1Upstream& connection) {
  Target& target = targets_[connection.place.endpoint];
  --target.in_use;
  if (retired_ || target.idle.size() >= settings_.max_idle) {
    ++target.in_use;
    return on_closed(connection);
  }
  connection.become_idle(settings_.idle);
  target.idle.push_back(&connection);
}

void H1Pool::leave(H1Upstream& connection) {
  Target& target = targets_[connection.place.endpoint];
  --target.connections;
  if (std::erase(target.idle, &connection) == 0) --target.in_use;
}

std::unique_ptr<H1Upstream> H1Pool::take_out(H1Upstream& connection) {
  group_->endpoints[connection.place.endpoint]->connections.fetch_sub(1, std::memory_order_relaxed);
  leave(connection);
  const std::size_t index = connection.place.index;
  std::unique_ptr<H1Upstream> out = std::move(connections_[index]);
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->place.index = index;
  }
  connections_.pop_back();
  return out;
}

void H1Pool::on_closed(H1Upstream& connection) {
  on_verdict(connection, Verdict::none);
  worker_.turn().retire(take_out(connection));
}

void H1Pool::retune(const config::Upstream& settings) {
  settings_ = settings;
  rule_ = ejection_rule(settings.ejection, group_->endpoints.size());
}

void H1Pool::adopt(H1Pool& old) {
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
        std::unique_ptr<H1Upstream> moved = old.take_out(*connection);
        moved->set_owner(*this);
        moved->place.endpoint = static_cast<std::uint32_t>(i);
        moved->place.index = connections_.size();
        ++targets_[i].connections;
        targets_[i].idle.push_back(moved.get());
        group_->endpoints[i]->connections.fetch_add(1, std::memory_order_relaxed);
        connections_.push_back(std::move(moved));
      }
    }
  }
}

void H1Pool::on_verdict(H1Upstream& connection, Verdict verdict) {
  if (!connection.place.ticket_open) return;
  connection.place.ticket_open = false;
  EndpointHealth& health = group_->endpoints[connection.place.endpoint]->health;
  const HealthTicket& ticket = connection.place.ticket;
  switch (verdict) {
    case Verdict::good:
      health.succeeded(ticket, group_->share);
      break;
    case Verdict::bad:
      group_->endpoints[connection.place.endpoint]->failures.fetch_add(1,
                                                                       std::memory_order_relaxed);
      health.failed(ticket, now(), rule_, group_->share);
      break;
    case Verdict::none:
      health.abandoned(ticket, now());
      break;
  }
}

void H1Pool::retire() {
  retired_ = true;
  for (Target& target : targets_) {
    auto idle = target.idle;
    for (H1Upstream* connection : idle) on_closed(*connection);
  }
}

}  // namespace marquee::proxy
