#include "proxy/tenant_facts_gate.hpp"

#include "base/json_text.hpp"
#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

// A decision needs two or three facts; more rounds are a mistake of the gate.
constexpr std::size_t kMostFacts = 8;

// Of the client itself, also behind a trusted proxy.
std::uint64_t network_of(const Exchange& exchange) {
  if (const auto parsed = base::IpAddress::parse(exchange.client_text()))
    return tls::client_prefix(parsed->bytes());
  return exchange.facts().client_known ? tls::client_prefix(exchange.facts().client.bytes()) : 0;
}

}  // namespace

const identity::TenantFacts* TenantFactsGate::Facts::find(identity::TenantQuestion question,
                                                          std::string_view first,
                                                          std::string_view second) {
  identity::TenantKey key{question, std::string(first), std::string(second)};
  for (const auto& [known, facts] : told)
    if (known == key) return facts.get();
  if (missing || !gate->cache_) return nullptr;
  if (auto facts = gate->cache_->find(key, gate->turn_.now())) {
    told.emplace_back(std::move(key), std::move(facts));
    return told.back().second.get();
  }
  missing = std::move(key);
  return nullptr;
}

Gate::Verdict TenantFactsGate::enter(Exchange& exchange, GateAnswer& answer) {
  return step(exchange, {}, answer);
}

Gate::Verdict TenantFactsGate::step(Exchange& exchange, Waiter waiter, GateAnswer& answer) {
  waiter.facts.gate = this;
  const Verdict verdict = judge(exchange, waiter.facts, answer);
  if (!waiter.facts.missing) return verdict;
  answer = {};
  const identity::TenantKey key = *std::exchange(waiter.facts.missing, std::nullopt);
  // As a rule longer than its time in the cache would take: the ticket tells late
  // answers from those of the exchange's next use.
  const std::uint64_t ticket = ++last_ticket_;
  const auto done = [post = post_, alive = std::weak_ptr(alive_), this, who = &exchange,
                     ticket](const identity::TenantCache::Facts& facts) {
    post([alive, this, who, ticket, facts] {
      if (alive.lock()) resume(who, ticket, facts);
    });
  };
  if (!may_ask(exchange))
    return refuse(answer, 429, "Too many requests", "RATE_LIMITED",
                  RefusalCause::unknown_host_flood);
  waiter.ticket = ticket;
  waiter.facts.told.emplace_back(key, nullptr);
  if (waiter.facts.told.size() > kMostFacts ||
      !cache_->load(
          key, [] { return std::chrono::steady_clock::now(); }, done))
    return refuse(answer, 503, "Service unavailable", "INTERNAL_ERROR",
                  RefusalCause::gate_unavailable);
  waiting_[&exchange] = std::move(waiter);
  return Verdict::wait;
}

// Who asks for random sites and modules costs the database a look-up each; what is at
// hand stays open to him.
bool TenantFactsGate::may_ask(const Exchange& exchange) const {
  return !unknown_ || unknown_->allows(network_of(exchange), turn_.now());
}

void TenantFactsGate::resume(Exchange* exchange, std::uint64_t ticket,
                             identity::TenantCache::Facts facts) {
  const auto at = waiting_.find(exchange);
  if (at == waiting_.end() || at->second.ticket != ticket) return;
  Waiter waiter = std::move(at->second);
  waiting_.erase(at);
  GateAnswer answer;
  Verdict verdict = Verdict::refuse;
  if (facts && unknown_ && identity::is_empty(*facts))
    unknown_->failed(network_of(*exchange), turn_.now());
  if (facts) {
    waiter.facts.told.back().second = std::move(facts);
    verdict = step(*exchange, std::move(waiter), answer);
  } else {
    refuse(answer, 503, "Service unavailable", "INTERNAL_ERROR", RefusalCause::gate_unavailable);
  }
  if (verdict != Verdict::wait) exchange->gate_decided(verdict, std::move(answer));
}

void TenantFactsGate::cancel(Exchange& exchange) { waiting_.erase(&exchange); }

Gate::Verdict TenantFactsGate::refuse(GateAnswer& answer, unsigned status,
                                      std::string_view sentence, std::string_view code,
                                      RefusalCause cause) {
  answer = {};
  answer.cause = cause;
  answer.content.status = status;
  answer.content.content_type = "application/json";
  answer.content.body =
      "{\"error\":\"" + std::string(sentence) + "\",\"code\":\"" + std::string(code) + "\"}";
  answer.content.fields.emplace_back("Cache-Control", "no-store");
  if (status == 503 || status == 429) answer.content.fields.emplace_back("Retry-After", "5");
  if (status == 401) answer.content.fields.emplace_back("WWW-Authenticate", "Bearer");
  return Verdict::refuse;
}

}  // namespace marquee::proxy
