#include "proxy/tls_front.hpp"

#include <ctime>

#include "base/hostname.hpp"

namespace marquee::proxy {

TlsFront::TlsFront(net::Worker& worker, SnapshotSlot& snapshots, const Parts& parts,
                   std::function<void(std::uint64_t)> tell)
    : worker_(worker),
      snapshots_(snapshots),
      buffers_{worker.turn().buffers(), {}},
      budget_(parts.failed_burst, parts.failed_rate, parts.seed) {
  if (!parts.cache) return;
  certificates_ = std::make_unique<tls::WorkerCertificates>(
      *parts.cache, parts.certificate_budget,
      [&worker](std::function<void()> job) { worker.post(std::move(job)); }, std::move(tell),
      [] { return std::time(nullptr); });
}

RouteTable::Found TlsFront::Gate::find(std::string_view name, std::uint64_t waiter) const {
  if (front_.routes_)
    return front_.routes_->find(name, front_.worker_.turn().now(), {nullptr, waiter, nullptr});
  const Snapshot::Found found = front_.snapshots_.current().shared->find(name);
  return {found.plan ? RouteTable::Status::known : RouteTable::Status::unknown, found.plan,
          found.match, nullptr};
}

// Known names only, before any crypto: a domain that the settings switch off has no
// handshake, and an unknown or absent name is the listener's fallback or nobody.
tls::Admitted TlsFront::Gate::admit(std::optional<std::string_view> sni, std::uint64_t waiter) {
  tls::Admitted answer;
  base::HostBuffer buffer;
  std::string_view name;
  RouteTable::Found found;
  if (sni) {
    const base::NormalisedHost host = base::normalise_into(*sni, buffer);
    if (host.kind == base::HostKind::name) {
      name = host.text;
      found = find(name, waiter);
    }
  }
  if (found.status == RouteTable::Status::unknown && !fallback_.empty()) {
    name = fallback_;
    found = find(name, waiter);
  }
  if (found.status == RouteTable::Status::pending) {
    answer.verdict = tls::Verdict::pending;
    return answer;
  }
  // Not to know is not the same as to know that there is none.
  if (found.status == RouteTable::Status::unavailable) answer.alert = tls::kAlertInternalError;
  if (!found.plan || !found.plan->domain->enabled) return answer;
  const DomainPlan::Certificate certificate = found.plan->certificate_for(name);
  if (!certificate.spec) {
    answer.alert = tls::kAlertInternalError;
    return answer;
  }
  answer.verdict = tls::Verdict::admit;
  answer.scope = certificate.scope;
  answer.certificate = certificate.spec;
  answer.source = front_.certificates_.get();
  return answer;
}

std::unique_ptr<tls::Engine> TlsFront::make_engine(int fd, std::uint64_t waiter,
                                                   std::string_view fallback) {
  if (!context_ || !certificates_) return nullptr;
  Gate* gate = nullptr;
  for (const auto& g : gates_)
    if (g->fallback() == fallback) gate = g.get();
  if (!gate) {
    gates_.push_back(std::make_unique<Gate>(*this, fallback));
    gate = gates_.back().get();
  }
  return std::make_unique<tls::Engine>(*context_, *gate, waiter, fd, buffers_);
}

bool TlsFront::within_budget(const base::IpAddress& client) const {
  return budget_.allows(tls::client_prefix(client.bytes()), worker_.turn().now());
}

void TlsFront::failed(const base::IpAddress& client) {
  budget_.failed(tls::client_prefix(client.bytes()), worker_.turn().now());
}

}  // namespace marquee::proxy
