// Rate limits counted in Redis, for one worker: implements limits::SharedCounters
// on a pipelined connection (net/redis_link). Questions of one turn leave in one
// write. A breaker stands in front: while Redis is late, gone, or answers
// something else, nobody asks it, and a probe each 100 ms finds out when it is back.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "limits/breaker.hpp"
#include "limits/leases.hpp"
#include "limits/redis_script.hpp"
#include "limits/shared_counters.hpp"
#include "net/redis_link.hpp"

namespace marquee::store {

enum class RedisFailure : std::uint8_t { timeout, lost, error, protocol, busy, count_ };
std::string_view name(RedisFailure failure);

struct RedisCounterMetrics {
  explicit RedisCounterMetrics(base::Registry& registry);
  base::Histogram<> round_trip;
  base::Counter<RedisFailure> failures;
  base::Counter<> breaker_opened;
  base::Counter<> credited;
  base::Gauge<> ready;  // 1 for a worker whose breaker is closed
};

// What the workers of a process share.
struct RedisFleet {
  std::string key_prefix;
  std::string node;  // name of this process among the nodes
  net::Ms timeout{20};
  bool leased = false;
  std::uint32_t workers = 1;
  std::atomic<std::uint32_t> nodes{1};
  std::atomic<bool> complained{false};  // of the present outage, in the log
};

class RedisCounters final : public limits::SharedCounters,
                            public net::RedisOwner,
                            public net::Expiring {
 public:
  // `heartbeat`: of one worker of a process, which counts the nodes.
  RedisCounters(net::Worker& worker, net::RedisSettings settings, RedisFleet& fleet, bool heartbeat,
                const RedisCounterMetrics& metrics, base::Cells& cells, base::Logger& logger);
  ~RedisCounters();

  void set_addresses(std::vector<net::RedisAddress> addresses) {
    link_.set_addresses(std::move(addresses));
  }

  // SharedCounters
  Ticket ask(limits::Question& question, Waiter& waiter, std::uint64_t tag) override;
  std::optional<limits::Verdict> decide_now(limits::Question& question) override;
  bool leased() const override { return fleet_.leased; }
  void cancel(Ticket ticket) override;
  Held held(std::string_view key) override { return leases_.held(key); }
  void let_go(std::string_view key) override { leases_.let_go(key); }
  std::uint32_t nodes() const override { return fleet_.nodes.load(std::memory_order_relaxed); }

  // RedisOwner
  void on_redis_up() override;
  void on_redis_down(std::string_view why) override;
  void on_redis_reply(std::uint64_t tag, const net::RedisReply& reply) override;
  void on_deadline(net::Deadline& which) override;

 private:
  // What a reply is to, in the low bits of its tag.
  enum class Kind : std::uint8_t { ask, probe, script, nodes_script, nodes, lease };
  struct Slot {
    limits::Question* question = nullptr;  // null: nobody waits any more
    Waiter* waiter = nullptr;
    std::uint64_t tag = 0;
    std::uint32_t generation = 0;
    bool by_text = false;
    bool busy = false;  // a reply is due
    net::TimePoint sent{};
    net::Deadline late;
  };

  bool send(std::size_t slot);
  void answered(std::size_t slot, const net::RedisReply& reply);
  void finish(Slot& slot, bool counted);
  void fail(RedisFailure why);
  void give_up();
  void probe();
  void lent(const net::RedisReply& reply);
  void lose_loans();
  void complain(const net::RedisReply& reply);
  static RedisFailure failure_of(const net::RedisReply& reply);
  void ask_for_nodes();
  void send_words(std::initializer_list<std::string_view> words, Kind kind);
  std::int64_t now_us() const;

  net::Worker& worker_;
  RedisFleet& fleet_;
  bool heartbeat_;
  const RedisCounterMetrics& metrics_;
  base::Cells& cells_;
  base::Logger& logger_;
  base::Random random_ = base::Random::from_kernel();
  limits::Breaker breaker_;
  std::string script_;        // its name; empty: not loaded
  std::string nodes_script_;  // the same
  limits::ScriptCall call_;
  limits::LeaseBook leases_;
  struct Loan {
    std::uint64_t id;
    net::TimePoint sent;
  };
  std::deque<Loan> loans_;  // that are asked for, in the order of their replies
  std::deque<Slot> slots_;
  std::vector<std::size_t> free_;
  net::Deadline probe_time_;
  net::Deadline nodes_time_;
  net::Deadline loan_time_;
  net::RedisLink link_;
};

}  // namespace marquee::store
