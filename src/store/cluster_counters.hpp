// Rate limits counted in a Redis Cluster, for one worker: a RedisCounters (connection,
// breaker, scripts) for each master, and the table of slots that says which of them is
// asked. A question is split by the slots of its keys; all its parts leave in one turn
// and are joined again. Each part is atomic, the whole is not: what one slot refuses
// does not give back what another one has charged.
//
// A slot that has moved is followed at once (MOVED), a key on its way as well (ASK),
// once for each part; then, or where a master does not answer, the part is uncounted.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "limits/redis_cluster.hpp"
#include "store/redis_counters.hpp"

namespace marquee::store {

class ClusterCounters final : public RedisStore,
                              private limits::SharedCounters::Waiter,
                              private ClusterOwner,
                              private net::Expiring {
 public:
  // `settings`: of each master; without a server_name that is its host.
  ClusterCounters(net::Worker& worker, net::RedisSettings settings, RedisFleet& fleet,
                  bool heartbeat, const RedisCounterMetrics& metrics, base::Cells& cells,
                  base::Logger& logger);
  ~ClusterCounters() override;

  // RedisStore
  void set_place(const RedisPlace& place) override;
  Ticket ask(limits::Question& question, limits::SharedCounters::Waiter& waiter,
             std::uint64_t tag) override;
  std::optional<limits::Verdict> decide_now(limits::Question& question) override;
  bool leased() const override { return fleet_.leased; }
  void cancel(Ticket ticket) override;
  Held held(std::string_view key) override { return leases_.held(key); }
  void let_go(std::string_view key) override { leases_.let_go(key); }
  std::uint32_t nodes() const override { return fleet_.nodes.load(std::memory_order_relaxed); }

 private:
  struct Shard {
    limits::RedisMaster master;
    std::unique_ptr<RedisCounters> counters;
    bool listed = false;    // in the table
    unsigned leaving = 0;   // ticks since nobody asks it
    net::TimePoint used{};  // when one that is not listed was last asked
  };
  // One slot's share of a question.
  struct Part {
    limits::Question own;  // unless it is the whole question
    limits::Question* question = nullptr;
    std::uint64_t charges = 0;
    Shard* shard = nullptr;
    Ticket ticket = 0;
    bool redirected = false;
  };
  struct Visit final : net::Expiring {
    Visit(ClusterCounters& o, std::size_t i) : owner(o), at(i) {}
    void on_deadline(net::Deadline&) override { owner.out_of_time(*this); }
    ClusterCounters& owner;
    std::size_t at;  // in visits_
    limits::Question* question = nullptr;
    limits::SharedCounters::Waiter* waiter = nullptr;
    std::uint64_t tag = 0;
    std::uint64_t uncounted = 0;
    std::uint32_t generation = 0;
    std::size_t due = 0;  // parts
    std::vector<Part> parts;
    std::size_t used = 0;  // of `parts`
    net::Deadline late;
    bool busy = false;
  };
  static constexpr unsigned kPartBits = 6;

  void on_counted(std::uint64_t tag, bool counted) override;
  void on_redirect(std::uint64_t tag, const limits::Redirect& to) override;
  void on_loan_redirect(std::uint64_t id, const limits::Redirect& to) override;
  void on_moved(const limits::Redirect& to) override;
  bool on_lent(std::uint64_t id, std::int64_t units, std::int64_t debt) override;
  void on_loan_lost(std::uint64_t id) override;
  void on_shard_changed() override;
  void on_deadline(net::Deadline& which) override;

  Shard* shard_of(std::uint16_t slot);
  Shard* shard_at(const limits::RedisMaster& master, bool listed);
  Shard* follow(const limits::Redirect& to);
  Visit& take_visit();
  void begin(Visit& visit);
  void part_done(Visit& visit, Part& part, bool counted);
  void conclude(Visit& visit);
  void release(Visit& visit);
  void out_of_time(Visit& visit);
  std::uint64_t uncounted_now(const limits::Question& question);
  void borrow();
  void look_again();
  void tick();

  net::Worker& worker_;
  net::RedisSettings settings_;
  RedisFleet& fleet_;
  bool heartbeat_;
  const RedisCounterMetrics& metrics_;
  base::Cells& cells_;
  base::Logger& logger_;
  base::Random random_ = base::Random::from_kernel();
  std::shared_ptr<const limits::SlotTable> table_;   // null: not known yet
  std::vector<Shard*> listed_;                       // in the table's order
  std::unordered_map<std::uint16_t, Shard*> moved_;  // since the table
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<Shard>> closed_;  // to be destroyed with the next tick
  std::deque<Visit> visits_;
  std::vector<std::size_t> free_;
  std::vector<limits::SlotGroup> groups_;
  std::vector<limits::Charge> taken_;
  limits::LeaseBook leases_;
  struct Lent {
    LoanCall call;
    bool redirected = false;
  };
  std::unordered_map<std::uint64_t, Lent> loans_;  // under way, by id
  bool covered_ = false;                           // every slot has a master
  bool ready_ = false;
  net::TimePoint ready_since_{};
  std::uint16_t nodes_slot_ = 0;
  net::Deadline tick_;
};

}  // namespace marquee::store
