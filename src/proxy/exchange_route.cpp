// Host -> domain: one normaliser, the settings' table, and the ladder of the
// directory behind it. A name that is not at hand makes the request wait: its body
// is not read, its client may leave, and a deadline ends it.
#include "proxy/exchange.hpp"

namespace marquee::proxy {

// An unknown name is told apart from one that is not this connection's.
bool Exchange::route() {
  const base::NormalisedHost host = base::normalise_into(request_.host, host_buffer_);
  if (!host) {
    refuse(http::Refusal::bad_host);
    return false;
  }
  host_ = host.text;
  const RouteTable::Found found = look_up(host_);
  if (found.status == RouteTable::Status::pending) {
    wait_for_route();
    return false;
  }
  plan_ = found.plan;
  if (found.entry) {
    route_ = found.entry;
    services_.routes->hold(*route_);
  }
  switch (authority(found)) {
    case Authority::allowed:
      break;
    case Authority::refused:
      refuse(RefusalCause::misdirected, 421);
      return false;
    case Authority::pending:
      plan_ = nullptr;
      if (route_) let_go_of_route();
      wait_for_route();
      return false;
  }
  if (!plan_) {
    refuse_route(found);
    return false;
  }
  if (route_) close_if_moved();
  outcome_.route = plan_->route;
  return true;
}

// A name that went to another agency: its connections end after their present
// answers (design 2), as their certificate and sessions are the old tenant's.
void Exchange::close_if_moved() {
  const std::string_view agency = plan_->domain->agency.text();
  if (!facts_->secure || facts_->tls->sni != host_ || facts_->agency == agency) return;
  if (facts_->agency.empty())
    facts_->agency = agency;
  else
    request_.keep_alive = false;
}

RouteTable::Found Exchange::look_up(std::string_view host) {
  RouteTable* const routes = services_.routes;
  if (!routes) {
    const Snapshot::Found found = pin_->shared->find(host);
    return {found.plan ? RouteTable::Status::known : RouteTable::Status::unknown, found.plan,
            found.match, nullptr};
  }
  // Plans belong to the settings in force: those of an older head go.
  if (pin_->shared.get() != routes->snapshot()) {
    services_.snapshots.unpin(pin_);
    pin_ = services_.snapshots.pin();
  }
  return routes->find(host, turn_.now(),
                      {this, 0, facts_->client_known ? &facts_->client : nullptr},
                      &waiting_for_route_);
}

void Exchange::refuse_route(const RouteTable::Found& found) {
  switch (found.status) {
    case RouteTable::Status::unavailable:
      return refuse(RefusalCause::directory_unavailable, 503);
    case RouteTable::Status::over_budget:
      return refuse(RefusalCause::unknown_host_flood, 429);
    default:
      return refuse(RefusalCause::unknown_host, 404);
  }
}

// RFC 9110 7.4 and design 2: the name of the handshake and its pair need no
// check; another name only if the certificate covers it and both names belong,
// now, to one agency.
Exchange::Authority Exchange::authority(const RouteTable::Found& found) {
  if (!facts_->secure) return Authority::allowed;
  std::string_view sni = facts_->tls->sni;
  if (sni == host_) return Authority::allowed;
  RouteTable::Found own = look_up(sni);
  if (own.status == RouteTable::Status::pending) return Authority::pending;
  if (!own.plan && !facts_->fallback.empty()) {
    sni = facts_->fallback;  // whose certificate was shown
    if (sni == host_) return Authority::allowed;
    own = look_up(sni);
    if (own.status == RouteTable::Status::pending) return Authority::pending;
  }
  if (!own.plan || !found.plan) return Authority::refused;
  // The certificate last: asking for it may push out what `own` points to.
  const bool allowed = routing::same_name_or_pair(own.match, sni, found.match, host_) ||
                       (routing::same_agency(*own.plan->domain, *found.plan->domain) &&
                        facts_->certificate_covers(host_));
  return allowed ? Authority::allowed : Authority::refused;
}

void Exchange::wait_for_route() {
  // The directory has its own time limit; this one is for whatever goes wrong there.
  const net::Ms limit = settings().directory.timeout + net::Ms(1000);
  if (!route_time_.armed()) turn_.deadlines().arm(route_time_, *this, limit, turn_.now());
}

void Exchange::stop_waiting() {
  services_.routes->cancel(waiting_for_route_);
  waiting_for_route_ = 0;
  route_time_.disarm();
}

void Exchange::on_route_known() {
  waiting_for_route_ = 0;
  proceed();
  if (waiting_for_route_) return;  // the other of two names
  route_time_.disarm();
  read_on_if_answered();
}

void Exchange::let_go_of_route() {
  services_.routes->release(*route_);
  route_ = nullptr;
}

}  // namespace marquee::proxy
