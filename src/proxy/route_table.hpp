// Hostname -> plan, for one worker: the settings' own domains, then the ladder of
// the directory: this worker's table, the process's cache, a look-up to wait for.
//
// Domains of the settings come first, whatever the directory says; app hosts are
// among them. Labels below the sites base are the directory's where there is one.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ip.hpp"
#include "proxy/snapshot.hpp"
#include "routing/lookup_cache.hpp"
#include "routing/membership_filter.hpp"
#include "routing/worker_table.hpp"
#include "tls/refusal_budget.hpp"

namespace marquee::proxy {

// What the process has of the directory. Outlives the workers.
struct DirectoryAccess {
  routing::LookupCache& cache;
  const routing::MembershipFilter& filter;
};

class RouteTable {
 public:
  // The row's part of an entry; without a plan the name is nobody's (yet).
  struct Row {
    std::shared_ptr<const DomainPlan> plan;
    routing::MatchKind match = routing::MatchKind::none;
  };
  using Entry = routing::WorkerTable<Row>::Entry;

  enum class Status : std::uint8_t {
    known,
    unknown,      // nobody's
    pending,      // the waiter will be told, and asks again
    unavailable,  // the directory does not answer, or too many wait: 503
    over_budget,  // this client asked for too many unknown names
  };
  struct Found {
    Status status = Status::unknown;
    const DomainPlan* plan = nullptr;  // valid within the event, or while `entry` is held
    routing::Match match;
    Entry* entry = nullptr;  // null: the plan is the snapshot's
  };

  // Who waits for a look-up. Told on this worker, from the top of its event loop,
  // never from inside find().
  class Waiter {
   public:
    virtual void on_route_known() = 0;

   protected:
    ~Waiter() = default;
  };
  using Ticket = std::uint64_t;  // 0: none; never used again

  struct Options {
    std::size_t entries = 4096;
    std::uint32_t unknown_burst = 2000;  // unknown names per client prefix
    double unknown_rate = 200;           // and per second
    std::uint64_t seed = 1;
  };
  // Runs a job on this worker, later; from any thread, also when this is gone.
  using Post = std::function<void(std::function<void()>)>;
  // Tells the connection {slot, generation} to go on with its handshake.
  using Tell = std::function<void(std::uint64_t waiter)>;

  RouteTable(DirectoryAccess directory, const Options& options, Post post, Tell tell);
  ~RouteTable();

  // New settings: what was made under the old ones leaves.
  void install(std::shared_ptr<const Snapshot> snapshot);
  const Snapshot* snapshot() const { return snapshot_.get(); }

  // `host` is normalised. Without a waiter there is no `pending` and no look-up
  // begins: `unavailable` then means "not known at hand". `client`: whose budget.
  struct Asker {
    Waiter* request = nullptr;    // gets a ticket
    std::uint64_t handshake = 0;  // {slot, generation}
    const base::IpAddress* client = nullptr;
  };
  Found find(std::string_view host, routing::CacheTime now, const Asker& asker,
             Ticket* ticket = nullptr);
  void cancel(Ticket ticket) { tickets_.erase(ticket); }

  void hold(Entry& entry) { table_.hold(entry); }
  void release(Entry& entry) { table_.release(entry); }

  std::size_t size() const { return table_.size(); }
  std::size_t waiting() const { return tickets_.size(); }
  std::size_t retired() const { return table_.retired(); }

  static constexpr std::size_t kMostWaiters = 16'384;  // per worker

 private:
  struct Waiting {
    std::vector<Ticket> requests;
    // A set: a client that sends its bytes one by one asks again with each.
    std::unordered_set<std::uint64_t> handshakes;
  };
  Found cold(std::string_view host, routing::CacheTime now, const Asker& asker, Ticket* ticket);
  Found wait(const routing::LookupKeys& keys, const Asker& asker, Ticket* ticket,
             const routing::Answer& old, routing::CacheTime now);
  Found keep(const routing::LookupKeys& keys, const routing::Answer& answer,
             routing::CacheTime check_at);
  Found found(Entry& entry) const;
  void deliver(const std::string& host, const routing::LookupCache::Loaded& loaded);

  routing::LookupCache& cache_;
  const routing::MembershipFilter& filter_;
  Post post_;
  Tell tell_;
  std::shared_ptr<const Snapshot> snapshot_;
  routing::WorkerTable<Row> table_;
  std::unordered_map<std::string, Waiting> waiting_;
  std::size_t waiters_ = 0;
  std::unordered_map<Ticket, Waiter*> tickets_;
  Ticket last_ticket_ = 0;
  // While waiters are told: what they are told, even if no cache kept it.
  const routing::LookupCache::Loaded* told_ = nullptr;
  std::string_view told_host_;
  tls::RefusalBudget budget_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace marquee::proxy
