// The pool's part for HTTP/2 endpoints: which connection has a stream for a
// request, and who waits for one that is being made.
//
// A request takes a stream where its tenant's share has one left, of the
// connection with the fewest; else one of a connection that is being made; else
// it has another made, up to http2.max_connections; else it waits in the pool.
#include <functional>
#include <utility>

#include "proxy/upstream/pool.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::proxy {

// `fresh`: one that is there will not do.
H2Upstream* ConnectionPool::choose_stream(const Target& target, std::uint64_t tenant,
                                          bool fresh) const {
  H2Upstream* best = nullptr;
  const auto rank = [](const H2Upstream& c) {
    const bool there = c.state() == UpstreamConnection::State::idle ||
                       c.state() == UpstreamConnection::State::active;
    return std::pair(!there, c.held());
  };
  for (H2Upstream* c : target.multiplexed) {
    if (!c->may_take(tenant) || (fresh && !rank(*c).first)) continue;
    if (!best || rank(*c) < rank(*best)) best = c;
  }
  return best;
}

UpstreamFailure ConnectionPool::multiplex(std::size_t endpoint, const Errand& errand) {
  Target& target = targets_[endpoint];
  const std::uint64_t tenant = errand.asker.tenant();
  H2Upstream* connection = choose_stream(target, tenant, errand.fresh);
  if (!connection && target.connections < settings_.http2.max_connections) {
    UpstreamConnection::Parts parts;
    const UpstreamFailure why = begin_connect(endpoint, parts);
    if (why != UpstreamFailure::none) return not_begun(endpoint, errand.ticket, why);
    auto made =
        std::make_unique<H2Upstream>(worker_.turn(), *this, std::move(parts), settings_.http2,
                                     errand.asker.limits().head, errand.asker.backlog());
    connection = made.get();
    if (!add(std::move(made), endpoint))
      return not_begun(endpoint, errand.ticket, UpstreamFailure::local_limit);
    target.multiplexed.push_back(connection);
  }
  if (!connection && errand.fresh) connection = choose_stream(target, tenant, false);
  if (!connection) {
    group_->endpoints[endpoint]->health.abandoned(errand.ticket, now());
    return UpstreamFailure::pool_full;
  }
  ++target.in_use;
  connection->reserve(tenant);
  const H2Upstream::Waiter waiter{&errand.asker, tenant, errand.tried, errand.fresh, errand.ticket};
  const auto state = connection->state();
  if (state == UpstreamConnection::State::idle || state == UpstreamConnection::State::active)
    hand_over(*connection, waiter, true);
  else
    connection->waiting.push_back(waiter);
  return UpstreamFailure::none;
}

void ConnectionPool::hand_over(H2Upstream& connection, const H2Upstream::Waiter& waiter,
                               bool reused) {
  UpstreamFacts facts;
  facts.endpoint = group_->endpoints[connection.place.endpoint]->text;
  facts.reused = reused;
  facts.multiplexed = true;
  facts.connect_us = reused ? -1 : connection.connect_us();
  UpstreamEnd& end = connection.serve(*waiter.asker, waiter.tenant, waiter.ticket, reused);
  waiter.asker->on_upstream_ready(end, facts);
}

// Whom one of them calls may cancel another.
void ConnectionPool::serve_waiters(H2Upstream& connection) {
  if (connection.waiting.empty()) return on_idle(connection);
  while (!connection.waiting.empty()) {
    const H2Upstream::Waiter next = connection.waiting.front();
    connection.waiting.erase(connection.waiting.begin());
    hand_over(connection, next, false);
  }
}

// One connect that failed is one failure, however many waited for it.
void ConnectionPool::fail_waiters(H2Upstream& connection, UpstreamFailure why) {
  const auto waiters = std::exchange(connection.waiting, {});
  Target& target = targets_[connection.place.endpoint];
  bool blamed = false;
  for (const H2Upstream::Waiter& w : waiters) {
    --target.in_use;
    const bool tells = !blamed || w.ticket.kind == HealthTicket::Kind::trial;
    judge(connection.place.endpoint, w.ticket, tells ? Verdict::bad : Verdict::none);
    blamed = true;
  }
  on_closed(connection);
  failed_.insert(failed_.end(), waiters.begin(), waiters.end());
  while (!failed_.empty()) {
    const H2Upstream::Waiter next = failed_.back();
    failed_.pop_back();
    place(*next.asker, next.fresh, next.tried, why);
  }
}

void ConnectionPool::cancel_waiter(H2Upstream& connection, const UpstreamRequest& asker) {
  for (std::size_t i = 0; i < connection.waiting.size(); ++i) {
    const H2Upstream::Waiter w = connection.waiting[i];
    if (w.asker != &asker) continue;
    connection.waiting.erase(connection.waiting.begin() + static_cast<std::ptrdiff_t>(i));
    connection.give_up_reserve(w.tenant);
    --targets_[connection.place.endpoint].in_use;
    judge(connection.place.endpoint, w.ticket, Verdict::none);
    return;
  }
}

void ConnectionPool::on_room(UpstreamConnection& connection, std::size_t left) {
  targets_[connection.place.endpoint].in_use -= static_cast<std::uint32_t>(left);
  if (!waiting_.empty() && !waits_for_names()) go_on_waiting();
}

}  // namespace marquee::proxy
