// The TLS side of one worker's front: who may have a handshake, with which
// certificate, and who has failed too often.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "net/worker.hpp"
#include "proxy/route_table.hpp"
#include "proxy/services.hpp"
#include "proxy/snapshot_slot.hpp"
#include "tls/admission.hpp"
#include "tls/certificate_cache.hpp"
#include "tls/engine.hpp"
#include "tls/refusal_budget.hpp"
#include "tls/worker_certificates.hpp"

namespace marquee::proxy {

class TlsFront final {
 public:
  struct Parts {
    tls::CertificateCache* cache = nullptr;  // null: no TLS listener in the process
    std::size_t certificate_budget = 16u << 20;
    std::uint32_t failed_burst = 100;
    double failed_rate = 10;
    std::uint64_t seed = 1;
  };
  TlsFront(net::Worker& worker, SnapshotSlot& snapshots, const Parts& parts,
           std::function<void(std::uint64_t waiter)> tell);

  void install(std::shared_ptr<const tls::ServerContext> context) { context_ = std::move(context); }
  // From then on names are looked up there; null: in the snapshot alone.
  void use_routes(RouteTable* routes) { routes_ = routes; }
  // Null: this client has failed too many handshakes, or there is no policy.
  std::unique_ptr<tls::Engine> make_engine(int fd, std::uint64_t waiter, std::string_view fallback);
  bool within_budget(const base::IpAddress& client) const;
  void failed(const base::IpAddress& client);
  const std::shared_ptr<const tls::ServerContext>& context() const { return context_; }
  tls::EngineBuffers& buffers() { return buffers_; }

 private:
  // The answer differs by the listener's fallback; one Admission for each.
  class Gate final : public tls::Admission {
   public:
    Gate(TlsFront& front, std::string_view fallback) : front_(front), fallback_(fallback) {}
    tls::Admitted admit(std::optional<std::string_view> sni, std::uint64_t waiter) override;
    const std::string& fallback() const { return fallback_; }

   private:
    RouteTable::Found find(std::string_view name, std::uint64_t waiter) const;
    TlsFront& front_;
    std::string fallback_;
  };

  net::Worker& worker_;
  SnapshotSlot& snapshots_;
  RouteTable* routes_ = nullptr;
  tls::EngineBuffers buffers_;
  std::shared_ptr<const tls::ServerContext> context_;
  std::unique_ptr<tls::WorkerCertificates> certificates_;
  tls::RefusalBudget budget_;
  std::vector<std::unique_ptr<Gate>> gates_;  // few: one per fallback name
};

}  // namespace marquee::proxy
