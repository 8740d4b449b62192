// Rate limits counted in Redis, for one worker: implements limits::SharedCounters
// on a pipelined connection (net/redis_link). Questions of one turn leave in one
// write. A breaker stands in front: while Redis is late, gone, or answers
// something else, nobody asks it, and a probe each 100 ms finds out when it is back:
// the script itself, on a key of its own, for a PING says nothing of scripts, ACL or
// memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "limits/breaker.hpp"
#include "limits/leases.hpp"
#include "limits/redis_cluster.hpp"
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
  base::Counter<limits::Redirect::Kind> redirects;
  base::Gauge<> ready;  // 1 for a worker whose breaker is closed; of a cluster: all of them
};

// What the workers of a process share.
struct RedisFleet {
  std::string key_prefix;
  std::string node;  // name of this process among the nodes
  net::Ms timeout{20};
  bool leased = false;
  std::uint32_t workers = 1;
  std::atomic<std::uint32_t> nodes{1};
  std::atomic<std::uint32_t> asking{0};  // workers that are ready, as in the metrics
  // Of a Cluster: its masters, and how many of them each worker asks.
  std::atomic<std::uint32_t> masters{0};
  std::vector<std::atomic<std::uint32_t>> masters_asked;
  std::atomic<bool> complained{false};  // of the present outage, in the log
  // Ends it, where all workers are ready: true when there was one.
  bool recovered() { return asking.load() == workers && complained.exchange(false); }
  // Any thread: the servers are not what they were, somebody look for them now.
  std::function<void()> look_again;
};

// Where Redis is, as the control thread found it.
struct RedisPlace {
  std::vector<net::RedisAddress> addresses;        // of one server, or of equals
  bool master = false;                             // it is the one master, and no other
  std::shared_ptr<const limits::SlotTable> slots;  // of a cluster
};

// What a worker counts by.
class RedisStore : public limits::SharedCounters {
 public:
  virtual void set_place(const RedisPlace& place) = 0;
};

// A loan in words, so that it can be asked for elsewhere, too.
struct LoanCall {
  std::uint64_t id = 0;
  std::string key;
  limits::Limit limit;
  std::int64_t owed = 0;
  std::int64_t want = 0;
  LoanCall() = default;
  LoanCall(const limits::LeaseBook::Loan& loan, std::string_view prefix);
};

// Whoever asks several masters of a cluster is told what only it can mend.
class ClusterOwner {
 public:
  // In place of on_counted(): another master has that key.
  virtual void on_redirect(std::uint64_t tag, const limits::Redirect& to) = 0;
  // The same for a loan, and for a key that nobody waits for.
  virtual void on_loan_redirect(std::uint64_t id, const limits::Redirect& to) = 0;
  virtual void on_moved(const limits::Redirect& to) = 0;
  // False: that is no answer to the loan.
  virtual bool on_lent(std::uint64_t id, std::int64_t units, std::int64_t debt) = 0;
  virtual void on_loan_lost(std::uint64_t id) = 0;
  virtual void on_shard_changed() = 0;  // it is asked now, or not any more

 protected:
  ~ClusterOwner() = default;
};

class RedisCounters final : public RedisStore, public net::RedisOwner, public net::Expiring {
 public:
  // `heartbeat`: of one worker of a process, which counts the nodes. `cluster`: it is
  // one master of several; null: the only one.
  RedisCounters(net::Worker& worker, net::RedisSettings settings, RedisFleet& fleet, bool heartbeat,
                const RedisCounterMetrics& metrics, base::Cells& cells, base::Logger& logger,
                ClusterOwner* cluster = nullptr);
  ~RedisCounters();

  void set_place(const RedisPlace& place) override;

  // Of a cluster. `asking`: the key is on its way to this master (ASKING).
  bool asks() const { return breaker_.closed(); }
  Ticket ask(limits::Question& question, Waiter& waiter, std::uint64_t tag, bool asking);
  bool lend(const LoanCall& loan, bool asking);
  void count_nodes();
  // A key in one of this master's slots; without one its probe is a PING.
  void set_probe_key(std::string key) { probe_key_ = std::move(key); }
  // Ends its connection; nobody asks it any more.
  void close() { link_.close(); }

  // SharedCounters
  Ticket ask(limits::Question& question, Waiter& waiter, std::uint64_t tag) override {
    return ask(question, waiter, tag, false);
  }
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
  enum class Kind : std::uint8_t { ask, probe, script, nodes_script, nodes, lease, asking };
  struct Slot {
    limits::Question* question = nullptr;  // null: nobody waits any more
    Waiter* waiter = nullptr;
    std::uint64_t tag = 0;
    std::uint32_t generation = 0;
    bool by_text = false;
    bool asking = false;
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
  void send_probe();
  void probed(const net::RedisReply& reply);
  bool proves(const net::RedisReply& reply);
  void closed();
  void lent(const net::RedisReply& reply);
  void lose_loans();
  void complain(std::string reason);
  void complain(const net::RedisReply& reply);
  bool redirected(Slot& slot, const net::RedisReply& reply);
  void opened();
  void mistrust();
  void fail_by(const net::RedisReply& reply);
  void ask_for_nodes();
  void send_words(std::initializer_list<std::string_view> words, Kind kind);
  std::int64_t now_us() const;
  std::string server() const;

  net::Worker& worker_;
  RedisFleet& fleet_;
  bool heartbeat_;
  const RedisCounterMetrics& metrics_;
  base::Cells& cells_;
  base::Logger& logger_;
  ClusterOwner* cluster_;
  std::string probe_key_;
  bool pinged_ = false;         // the last probe had no key
  bool probe_by_text_ = false;  // the script was forgotten
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
  net::Deadline steady_;  // it has been asked without a fault since the last probe
  net::Deadline nodes_time_;
  net::Deadline loan_time_;
  net::RedisLink link_;
};

}  // namespace marquee::store
