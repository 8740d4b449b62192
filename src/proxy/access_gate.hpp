// Who asks: the gate that holds a request against the rules of the settings. The
// decisions are identity's (access_policy, token, stored_proof, access); here is where
// a request's fields are read, what has to be waited for, and what the client is told.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "config/settings.hpp"
#include "identity/access.hpp"
#include "identity/issuers.hpp"
#include "identity/key_directory.hpp"
#include "identity/proof_cache.hpp"
#include "identity/stored_proof.hpp"
#include "net/turn.hpp"
#include "proxy/client_share.hpp"
#include "proxy/forward/forward_auth.hpp"
#include "proxy/gate.hpp"
#include "proxy/proxy_metrics.hpp"
#include "tls/refusal_budget.hpp"

namespace marquee::proxy {

class AccessGate final : public Gate, private ForwardAuth::Judge {
 public:
  // A token was signed by a key that issuer `index` does not have (yet).
  using KeyMissing = std::function<void(std::size_t index)>;
  // Runs a job on this worker, later; from any thread.
  using Post = std::function<void(std::function<void()>)>;

  AccessGate(net::Turn& turn, const ProxyMetrics& metrics, base::Cells& cells, std::uint64_t seed,
             Post post);
  ~AccessGate() override;

  // New settings. What was remembered under the old ones goes.
  void install(const config::Settings& settings);
  // Keys of the issuers, in the order of the settings in force.
  void set_issuers(std::shared_ptr<const identity::Issuers> issuers);
  void on_key_missing(KeyMissing told) { key_missing_ = std::move(told); }
  // Before the first request; outlives this.
  void use_keys(identity::KeyDirectory* keys) { keys_ = keys; }
  // Of servers of access.forward that are of no use.
  void on_forward_failure(ForwardAuth::Told told) { forward_.tell(std::move(told)); }
  // What is remembered of these credentials is no longer good; without any, of all.
  void forget(const std::vector<identity::Digest>& digests);

  Verdict enter(Exchange& exchange, GateAnswer& answer) override;
  void cancel(Exchange& exchange) override;
  net::Ms longest_wait() const override;

  // Under way, a quarter of them by one client network.
  static constexpr std::size_t kMostQuestions = 512;

 private:
  struct Shown {
    config::Credential kind;
    std::string_view text;
  };
  // A credential that is being looked up, and who waits for it.
  struct Question {
    config::Credential kind;
    identity::Digest digest;
    std::uint64_t epoch;
    identity::EmbedClaims embed;
    std::string prefix;     // of a consumer's key
    std::uint64_t network;  // of who asked first
    std::vector<Exchange*> waiting;
  };
  struct Mailbox;
  using Questions = std::unordered_map<std::string, Question>;

  static std::optional<Shown> shown_key(const Exchange& exchange, const identity::AccessRule& rule,
                                        std::string_view bearer, bool& twice);
  std::optional<Shown> shown_by(const Exchange& exchange, const identity::AccessRule& rule) const;
  Verdict check(Exchange& exchange, const identity::AccessRule& rule, const Shown& shown,
                GateAnswer& answer);
  identity::Proof check_token(std::string_view token, const identity::Digest& digest);
  std::optional<identity::Proof> check_embed(std::string_view token, const identity::Digest& digest,
                                             identity::EmbedClaims& legacy) const;
  Verdict ask(Exchange& exchange, const Shown& shown, const identity::Digest& digest,
              identity::EmbedClaims embed, const identity::AccessRule& rule, GateAnswer& answer);
  void send(const std::string& key, const Question& question);
  void deliver(const std::string& key, identity::Proof proof);
  Verdict decide(Exchange& exchange, const identity::AccessRule& rule, const identity::Proof& proof,
                 identity::ProofCache::Entry* entry, GateAnswer& answer);
  Verdict decide_late(Exchange& exchange, const identity::Proof& proof, GateAnswer& answer);
  identity::Proof& remember(const identity::Digest& digest, identity::Proof proof,
                            const Exchange& exchange);
  std::string_view server_of(const Exchange& exchange) override;
  Verdict judge_anew(Exchange& exchange, GateAnswer& answer) override;
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
  ForwardAuth forward_;
  std::string cookie_;
  config::EmbedTokens embed_;
  std::shared_ptr<const identity::Issuers> issuers_ = std::make_shared<identity::Issuers>();
  std::unique_ptr<identity::ProofCache> cache_;  // null: no rules
  std::unique_ptr<tls::RefusalBudget> wrong_;    // likewise
  identity::Sha256 sha256_;
  KeyMissing key_missing_;
  identity::KeyDirectory* keys_ = nullptr;
  // Grows with each change of a stored credential: what was asked before it is not
  // remembered.
  std::uint64_t epoch_ = 0;
  Questions questions_;                                    // by key_of()
  ClientShare shares_;                                     // of them
  std::unordered_map<const Exchange*, std::string> asks_;  // key of its question
  std::vector<Exchange*>* told_ = nullptr;                 // those of an answer, meanwhile
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace marquee::proxy
