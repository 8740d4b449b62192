// Who asks: the gate that holds a request against the rules of the settings. The
// decisions are identity's (access_policy, token, access); here is where a request's
// fields are read, what has to be waited for, and what the client is told.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/metrics.hpp"
#include "config/settings.hpp"
#include "identity/access.hpp"
#include "identity/issuers.hpp"
#include "identity/proof_cache.hpp"
#include "net/turn.hpp"
#include "proxy/gate.hpp"
#include "proxy/proxy_metrics.hpp"

namespace marquee::proxy {

class AccessGate final : public Gate {
 public:
  // A token was signed by a key that issuer `index` does not have (yet).
  using KeyMissing = std::function<void(std::size_t index)>;

  AccessGate(net::Turn& turn, const ProxyMetrics& metrics, base::Cells& cells, std::uint64_t seed)
      : turn_(turn), metrics_(metrics), cells_(cells), seed_(seed) {}

  // New settings. What was remembered under the old ones goes.
  void install(const config::Settings& settings);
  // Keys of the issuers, in the order of the settings in force.
  void set_issuers(std::shared_ptr<const identity::Issuers> issuers);
  void on_key_missing(KeyMissing told) { key_missing_ = std::move(told); }
  // Something was revoked: nothing that was remembered holds any more.
  void forget() {
    if (cache_) cache_->clear();
  }

  Verdict enter(Exchange& exchange, GateAnswer& answer) override;

 private:
  struct Shown {
    config::Credential kind;
    std::string_view text;
  };
  std::optional<Shown> shown_by(const Exchange& exchange, const identity::AccessRule& rule) const;
  identity::ProofCache::Entry& check_token(std::string_view token, const identity::Digest& digest);
  Verdict decide(Exchange& exchange, const identity::AccessRule& rule,
                 identity::ProofCache::Entry& entry, GateAnswer& answer);
  Verdict refuse(identity::AccessResult result, const identity::AccessRule* rule,
                 GateAnswer& answer);
  void count(AccessProof proof, identity::AccessResult result) {
    metrics_.access_checks.increment(cells_, proof, result);
  }
  std::int64_t wall_seconds() const { return turn_.wall_ms() / 1000; }

  net::Turn& turn_;
  const ProxyMetrics& metrics_;
  base::Cells& cells_;
  std::uint64_t seed_;
  identity::AccessPolicy policy_;
  std::string cookie_;
  std::shared_ptr<const identity::Issuers> issuers_ = std::make_shared<identity::Issuers>();
  std::unique_ptr<identity::ProofCache> cache_;  // null: no rules
  identity::Sha256 sha256_;
  KeyMissing key_missing_;
};

}  // namespace marquee::proxy
