// A gate whose decision rests on facts of the platform's tables
// (identity/tenant_directory.hpp): it is asked again and again until it lacks none.
// What is at hand costs a look-up in the process's cache; else the request waits.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "identity/tenant_cache.hpp"
#include "net/turn.hpp"
#include "proxy/gate.hpp"
#include "tls/refusal_budget.hpp"

namespace marquee::proxy {

class TenantFactsGate : public Gate {
 public:
  // Runs a job on this worker, later; from any thread, also when this is gone.
  using Post = std::function<void(std::function<void()>)>;
  // `cache` null: no directory knows tenants, and all facts are lacking for good.
  // `unknown`, of all gates of the worker: questions of a client network after what
  // nobody has; null: without a bound.
  TenantFactsGate(net::Turn& turn, identity::TenantCache* cache, Post post,
                  std::shared_ptr<tls::RefusalBudget> unknown = nullptr)
      : turn_(turn), cache_(cache), post_(std::move(post)), unknown_(std::move(unknown)) {}

  Verdict enter(Exchange& exchange, GateAnswer& answer) final;
  void cancel(Exchange& exchange) final;
  void left(Exchange& exchange) final {
    if (!waiting_.empty()) cancel(exchange);
  }

 protected:
  class Facts {
   public:
    // Null: not at hand. Then judge() returns at once, whatever it returns.
    const identity::TenantFacts* find(identity::TenantQuestion question, std::string_view first,
                                      std::string_view second = {});

   private:
    friend class TenantFactsGate;
    TenantFactsGate* gate = nullptr;
    std::vector<std::pair<identity::TenantKey, identity::TenantCache::Facts>> told;
    std::optional<identity::TenantKey> missing;
  };
  // Pass or refuse. `exchange` is not changed before all facts are there.
  virtual Verdict judge(Exchange& exchange, Facts& facts, GateAnswer& answer) = 0;
  bool has_directory() const { return cache_ != nullptr; }

  // {"error": ..., "code": ...}, the platform's way (contract 2.8).
  static Verdict refuse(GateAnswer& answer, unsigned status, std::string_view sentence,
                        std::string_view code, RefusalCause cause);

 private:
  struct Waiter {
    std::uint64_t ticket = 0;
    Facts facts;
  };
  bool may_ask(const Exchange& exchange) const;
  Verdict step(Exchange& exchange, Waiter waiter, GateAnswer& answer);
  void resume(Exchange* exchange, std::uint64_t ticket, identity::TenantCache::Facts facts);

  net::Turn& turn_;
  identity::TenantCache* cache_;
  Post post_;
  std::shared_ptr<tls::RefusalBudget> unknown_;
  std::unordered_map<Exchange*, Waiter> waiting_;
  std::uint64_t last_ticket_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace marquee::proxy
