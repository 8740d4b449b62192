// The rate limits of one worker: the gate that a request passes behind the access
// gate. Decides by the process's own counters, or asks the store of all nodes and
// lets the request wait; where that does not answer, `on_failure` says how.
#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "limits/answer_fields.hpp"
#include "limits/local_store.hpp"
#include "limits/rule.hpp"
#include "limits/shared_counters.hpp"
#include "limits/top_refused.hpp"
#include "net/turn.hpp"
#include "proxy/gate.hpp"

namespace marquee::proxy {

// How a request was decided that a common store should have decided.
enum class LimitFallback : std::uint8_t { local, open, closed };
std::string_view name(LimitFallback how);

struct LimitMetrics {
  explicit LimitMetrics(base::Registry& registry);
  base::Counter<LimitFallback> fallbacks;
  base::GrowingFamily decisions;
};

// Rules in force and how to decide; made off the workers, shared by them.
struct LimitPlan {
  limits::RuleSet rules;
  LimitFallback on_failure = LimitFallback::local;
};
std::shared_ptr<const LimitPlan> make_limit_plan(const config::Settings& settings,
                                                 const LimitMetrics& metrics,
                                                 base::Registry& registry);

class LimitGate final : public Gate, private limits::SharedCounters::Waiter {
 public:
  LimitGate(net::Turn& turn, limits::LocalStore& store, limits::SharedCounters* shared,
            const LimitMetrics& metrics, base::Cells& cells, std::size_t worker);
  ~LimitGate() override;

  void install(std::shared_ptr<const LimitPlan> plan) { plan_ = std::move(plan); }
  const limits::TopRefused& top_refused() const { return top_; }
  std::size_t waiting() const { return waiting_; }

  // Gate
  Verdict enter(Exchange& exchange, GateAnswer& answer) override;
  void cancel(Exchange& exchange) override;
  void left(Exchange& exchange) override;
  // The store has a time limit of its own; this is for whatever goes wrong there.
  net::Ms longest_wait() const override { return net::Ms(2'000); }

 private:
  // A request that waits, or is in flight under a rule that counts those.
  struct Visit {
    Exchange* exchange = nullptr;
    std::shared_ptr<const LimitPlan> plan;  // its rules; null: nothing waits
    limits::Question question;
    limits::SharedCounters::Ticket ticket = 0;
    std::vector<limits::LocalStore::Seat> seats;
    std::size_t place = 0;  // in visits_
    std::uint32_t generation = 0;
  };

  void on_counted(std::uint64_t tag, bool counted) override;
  Visit& visit(Exchange& exchange);
  void end(Visit& visit);
  bool take_seats(Exchange& exchange, limits::Question& question, GateAnswer& answer);
  Verdict ask(Exchange& exchange, GateAnswer& answer);
  Verdict fall_back(Exchange& exchange, const LimitPlan& plan, limits::Question& question,
                    GateAnswer& answer);
  Verdict fall_back_partly(Exchange& exchange, const LimitPlan& plan, limits::Question& question,
                           GateAnswer& answer);
  Verdict conclude(Exchange& exchange, const limits::Question& question, int refused_by,
                   GateAnswer& answer);
  Verdict refuse(Exchange& exchange, const limits::Rule& rule, RefusalCause cause,
                 const limits::AnswerFields& fields, GateAnswer& answer);
  void count(const limits::Rule& rule, limits::RuleResult result);
  limits::Ticks now() const;

  net::Turn& turn_;
  limits::LocalStore& store_;
  limits::SharedCounters* shared_;  // null: the process counts by itself
  const LimitMetrics& metrics_;
  base::Cells& cells_;
  std::size_t worker_;
  std::shared_ptr<const LimitPlan> plan_;
  limits::Question question_;  // of the request being judged
  limits::TopRefused top_;
  std::vector<std::unique_ptr<Visit>> visits_;
  std::vector<std::size_t> free_;
  std::unordered_map<const Exchange*, std::size_t> by_exchange_;
  std::size_t waiting_ = 0;
};

}  // namespace marquee::proxy
