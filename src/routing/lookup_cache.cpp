#include "routing/lookup_cache.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/lru_table.hpp"

namespace marquee::routing {
namespace {

constexpr std::size_t kShards = 64;
constexpr std::size_t kEntryOverhead = 256;  // table nodes, counts, keys

using base::TextEqual;
using base::TextHash;
template <typename Value>
using NameTable = base::LruTable<std::string, Value, TextHash, TextEqual>;

struct Known {
  Answer answer;
  CacheTime check_at{};  // fresh until then
  // While suspect: nobody answered at this epoch, and is not asked until check_at.
  Epoch excused = 0;
};

struct Negative {
  Answer answer;  // absent; null: nobody could say
  CacheTime until{};
};

struct Flight {
  LookupKeys keys;
  Epoch epoch = 0;
  int restarts = 0;
  std::vector<LookupCache::Done> waiting;
};

// Answers of other settings (another sites base) are no answers.
bool same_keys(const LookupKeys& a, const LookupKeys& b) {
  return a.below_base == b.below_base && a.site_label == b.site_label;
}

std::size_t bytes_of(const CachedAnswer& a) {
  std::size_t sum = sizeof a + kEntryOverhead + a.dependencies.size() * sizeof(Dependency);
  for (const auto& row : a.answer.rows) sum += routing::bytes_of(*row);
  return sum;
}

}  // namespace

struct LookupCache::Core : std::enable_shared_from_this<Core> {
  struct Shard {
    explicit Shard(const Options& o) : known(o.bytes / kShards), negative(negatives(o)) {}
    static std::size_t negatives(const Options& o) {
      return std::max<std::size_t>(1, o.negative_names / kShards);
    }
    mutable std::mutex mutex;
    NameTable<Known> known;
    NameTable<Negative> negative;
    std::unordered_map<std::string, Flight, TextHash, TextEqual> flights;
  };

  Core(DomainDirectory& d, const Options& o, Clock c) : directory(d), clock(std::move(c)) {
    set(o);
    for (auto& shard : shards) shard = std::make_unique<Shard>(o);
  }

  Shard& shard_of(std::string_view name) {
    return *shards[TextHash{}(name)*0x9e3779b97f4a7c15ULL >> 58];
  }
  void set(const Options& o) {
    ttl = o.ttl;
    max_stale = o.max_stale;
    negative_ttl = o.negative_ttl;
    most_lookups = o.lookups;
    most_waiting = o.waiting;
  }

  Looked look(const LookupKeys& keys, CacheTime now);
  bool meanwhile(Shard& shard, const LookupKeys& keys, Loaded& out);
  bool enter(const LookupKeys& keys, Done done);
  bool enqueue(const std::string& name);
  void pump();
  void finish(const std::string& name, DirectoryAnswer answer);
  bool settle(Shard& shard, const std::string& name, DirectoryAnswer answer, Loaded& out,
              std::vector<Done>& waiting);
  void write(Shard& shard, const std::string& name, Answer fresh, Loaded& out);
  void without_answer(Shard& shard, const std::string& name, Loaded& out);
  void confirm();

  DomainDirectory& directory;
  const Clock clock;
  std::atomic<std::chrono::milliseconds> ttl, max_stale, negative_ttl;
  std::atomic<std::size_t> most_lookups, most_waiting;
  ChangeStamps stamps;
  std::array<std::unique_ptr<Shard>, kShards> shards;

  std::mutex queue_mutex;
  std::deque<std::string> queue;  // names whose look-up has not begun
  std::size_t running = 0;
  bool pumping = false;

  std::atomic<std::uint64_t> hits{0}, stale{0}, negatives{0}, misses{0};
  std::atomic<std::uint64_t> loads{0}, failures{0}, restarts{0}, refused{0};
};

LookupCache::Looked LookupCache::Core::look(const LookupKeys& keys, CacheTime now) {
  using Validity = ChangeStamps::Validity;
  const std::string_view name = keys.host.text();
  Looked out;
  bool refresh = false;
  {
    Shard& shard = shard_of(name);
    const std::lock_guard hold(shard.mutex);
    if (Known* known = shard.known.find(name)) {
      const Answer& answer = known->answer;
      const Validity validity = answer->validity(stamps);
      if (validity == Validity::outdated || now - answer->loaded > max_stale.load() ||
          !same_keys(answer->keys, keys)) {
        misses.fetch_add(1, std::memory_order_relaxed);
        return out;
      }
      out.answer = answer;
      if (validity == Validity::suspect) {
        out.status = Status::suspect;
        // While nobody answers: not every request asks and waits again.
        if (known->excused == stamps.now() && now < known->check_at) {
          out.status = Status::known;
          out.stale = true;
          out.check_at = known->check_at;
        }
        return out;
      }
      out.status = Status::known;
      out.stale = now - answer->loaded > ttl.load();
      if (now >= known->check_at) {
        known->check_at = now + kRetry;
        refresh = out.stale = true;
      }
      out.check_at = known->check_at;
    } else if (Negative* negative = shard.negative.find(name)) {
      const bool valid =
          !negative->answer || (negative->answer->validity(stamps) == Validity::valid &&
                                same_keys(negative->answer->keys, keys));
      if (valid && now < negative->until) {
        out.status = negative->answer ? Status::absent : Status::unavailable;
        out.check_at = negative->until;
        negatives.fetch_add(1, std::memory_order_relaxed);
        return out;
      }
      shard.negative.erase(name);
    }
  }
  if (out.status == Status::miss) {
    misses.fetch_add(1, std::memory_order_relaxed);
    return out;
  }
  (out.stale ? stale : hits).fetch_add(1, std::memory_order_relaxed);
  if (refresh) enter(keys, nullptr);
  return out;
}

// Another thread's look-up may have ended since the caller looked.
bool LookupCache::Core::meanwhile(Shard& shard, const LookupKeys& keys, Loaded& out) {
  const auto holds = [&](const Answer& a, CacheTime until) {
    return clock() < until && same_keys(a->keys, keys) &&
           a->validity(stamps) == ChangeStamps::Validity::valid;
  };
  const std::string_view name = keys.host.text();
  if (const Known* known = shard.known.find(name); known && holds(known->answer, known->check_at)) {
    out = {Status::known, known->answer, known->check_at};
    return true;
  }
  const Negative* negative = shard.negative.find(name);
  if (!negative || !negative->answer || !holds(negative->answer, negative->until)) return false;
  out = {Status::absent, negative->answer, negative->until};
  return true;
}

// `done` may be empty: a refresh in the background.
bool LookupCache::Core::enter(const LookupKeys& keys, Done done) {
  const std::string& name = keys.host.string();
  Shard& shard = shard_of(name);
  Loaded known;
  bool is_known = false;
  {
    const std::lock_guard hold(shard.mutex);
    const auto flight = shard.flights.find(name);
    if (flight != shard.flights.end()) {
      if (done) flight->second.waiting.push_back(std::move(done));
      return true;
    }
    is_known = done && meanwhile(shard, keys, known);
    if (!is_known) {
      if (!enqueue(name)) {
        refused.fetch_add(1, std::memory_order_relaxed);
        return false;
      }
      // Before the look-up begins: through a change from here on it is void.
      Flight& begun =
          shard.flights.try_emplace(name, Flight{keys, stamps.now(), 0, {}}).first->second;
      if (done) begun.waiting.push_back(std::move(done));
    }
  }
  if (is_known)
    done(known);
  else
    pump();
  return true;
}

bool LookupCache::Core::enqueue(const std::string& name) {
  const std::lock_guard hold(queue_mutex);
  if (queue.size() >= most_waiting) return false;
  queue.push_back(name);
  return true;
}

// Begins look-ups as far as the bound allows. One thread pumps at a time: a
// directory that answers inside find() would else nest a call per waiting name.
void LookupCache::Core::pump() {
  std::unique_lock hold(queue_mutex);
  if (pumping) return;
  pumping = true;
  while (running < most_lookups && !queue.empty()) {
    const std::string name = std::move(queue.front());
    queue.pop_front();
    ++running;
    hold.unlock();
    std::optional<LookupKeys> keys;
    {
      Shard& shard = shard_of(name);
      const std::lock_guard flights(shard.mutex);
      if (const auto flight = shard.flights.find(name); flight != shard.flights.end())
        keys = flight->second.keys;
    }
    loads.fetch_add(1, std::memory_order_relaxed);
    directory.find(*keys, [self = shared_from_this(), name](DirectoryAnswer answer) {
      self->finish(name, std::move(answer));
    });
    hold.lock();
  }
  pumping = false;
}

void LookupCache::Core::finish(const std::string& name, DirectoryAnswer answer) {
  Loaded out;
  std::vector<Done> waiting;
  bool again = false;
  {
    Shard& shard = shard_of(name);
    const std::lock_guard hold(shard.mutex);
    again = !settle(shard, name, std::move(answer), out, waiting);
  }
  {
    const std::lock_guard hold(queue_mutex);
    --running;
    if (again) queue.push_back(name);  // it had its place
  }
  for (const Done& done : waiting) done(out);
  pump();
}

// False: the answer is void, the look-up begins anew.
bool LookupCache::Core::settle(Shard& shard, const std::string& name, DirectoryAnswer answer,
                               Loaded& out, std::vector<Done>& waiting) {
  const auto at = shard.flights.find(name);
  Flight& flight = at->second;
  if (answer.status == DirectoryAnswer::Status::unavailable) {
    failures.fetch_add(1, std::memory_order_relaxed);
    without_answer(shard, name, out);
  } else {
    auto fresh = std::make_shared<CachedAnswer>(
        CachedAnswer{flight.keys, std::move(answer), {}, flight.epoch, clock(), {}});
    fresh->dependencies = dependencies_of(fresh->keys, fresh->answer);
    if (fresh->validity(stamps) == ChangeStamps::Validity::valid) {
      write(shard, name, std::move(fresh), out);
    } else if (flight.restarts < kMostRestarts) {
      ++flight.restarts;
      flight.epoch = stamps.now();
      restarts.fetch_add(1, std::memory_order_relaxed);
      return false;
    } else {
      without_answer(shard, name, out);
    }
  }
  waiting = std::move(flight.waiting);
  shard.flights.erase(at);
  return true;
}

void LookupCache::Core::write(Shard& shard, const std::string& name, Answer fresh, Loaded& out) {
  out.answer = fresh;
  if (fresh->answer.status == DirectoryAnswer::Status::found) {
    out.status = Status::known;
    out.check_at = fresh->loaded + ttl.load();
    shard.negative.erase(name);
    shard.known.insert(name, {fresh, out.check_at, 0}, bytes_of(*fresh));
  } else {
    out.status = Status::absent;
    out.check_at = fresh->loaded + negative_ttl.load();
    shard.known.erase(name);
    shard.negative.insert(name, {std::move(fresh), out.check_at}, 1);
  }
}

// What was known serves on, unless this very name or its tenant is known to have
// changed: a wrong tenant's answer is worse than none.
void LookupCache::Core::without_answer(Shard& shard, const std::string& name, Loaded& out) {
  const CacheTime now = clock();
  out.check_at = now + kRetry;
  if (Known* known = shard.known.find(name)) {
    const Answer& old = known->answer;
    if (old->validity(stamps) != ChangeStamps::Validity::outdated &&
        now - old->loaded <= max_stale.load()) {
      known->check_at = out.check_at;
      known->excused = stamps.now();
      out.status = Status::known;
      out.answer = old;
      return;
    }
  }
  out.status = Status::unavailable;
  shard.negative.insert(name, {nullptr, out.check_at}, 1);
}

LookupCache::LookupCache(DomainDirectory& directory, const Options& options, Clock clock)
    : core_(std::make_shared<Core>(directory, options, std::move(clock))) {}
LookupCache::~LookupCache() = default;

LookupCache::Looked LookupCache::look(const LookupKeys& keys, CacheTime now) {
  return core_->look(keys, now);
}
bool LookupCache::load(const LookupKeys& keys, Done done) {
  return core_->enter(keys, std::move(done));
}

// Before old stamps are forgotten: whom they left alone stays valid through it.
void LookupCache::Core::confirm() {
  const Epoch now = stamps.now();
  const auto confirmed = [&](const Answer& answer) {
    if (answer && answer->validity(stamps) == ChangeStamps::Validity::valid)
      answer->confirmed.raise(now);
    return true;
  };
  for (const auto& shard : shards) {
    const std::lock_guard hold(shard->mutex);
    shard->known.for_each(
        [&](const std::string&, const Known& known) { return confirmed(known.answer); });
    shard->negative.for_each(
        [&](const std::string&, const Negative& none) { return confirmed(none.answer); });
  }
}

void LookupCache::on_changes(std::span<const Change> changes) {
  if (core_->stamps.will_forget(changes.size())) core_->confirm();
  core_->stamps.stamp(changes);
  for (const Change& change : changes) {
    if (change.what != Change::What::name) continue;
    std::optional<LookupKeys> keys;
    {
      Core::Shard& shard = core_->shard_of(change.value);
      const std::lock_guard hold(shard.mutex);
      if (const Known* known = shard.known.find(std::string_view(change.value)))
        keys = known->answer->keys;
    }
    if (keys) core_->enter(*keys, nullptr);
  }
}

std::vector<Answer> LookupCache::hottest(std::size_t most) const {
  // Names are spread evenly over the shards: a rank within one is about the rank
  // among all. A shard may have more of the hottest than another.
  const std::size_t most_of_one = std::min(most, most / kShards * 4 + 64);
  std::vector<std::pair<std::size_t, Answer>> ranked;
  for (const auto& shard : core_->shards) {
    const std::lock_guard hold(shard->mutex);
    std::size_t rank = 0;
    shard->known.for_each([&](const std::string&, const Known& known) {
      ranked.emplace_back(rank, known.answer);
      return ++rank < most_of_one;
    });
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Answer> out;
  for (auto& [rank, answer] : ranked) {
    if (out.size() == most) break;
    out.push_back(std::move(answer));
  }
  return out;
}

void LookupCache::put(const LookupKeys& keys, DirectoryAnswer answer, CacheTime loaded) {
  auto old =
      std::make_shared<CachedAnswer>(CachedAnswer{keys, std::move(answer), {}, 0, loaded, {}});
  old->dependencies = dependencies_of(old->keys, old->answer);
  const std::string& name = keys.host.string();
  Core::Shard& shard = core_->shard_of(name);
  const std::lock_guard hold(shard.mutex);
  if (!shard.known.find(name)) shard.known.insert(name, {old, {}, 0}, bytes_of(*old));
}

void LookupCache::retune(const Options& options) {
  core_->set(options);
  for (const auto& shard : core_->shards) {
    const std::lock_guard hold(shard->mutex);
    shard->known.set_budget(options.bytes / kShards);
    shard->negative.set_budget(Core::Shard::negatives(options));
  }
}

const ChangeStamps& LookupCache::stamps() const { return core_->stamps; }

LookupCache::Counts LookupCache::counts() const {
  const Core& c = *core_;
  Counts out;
  out.hits = c.hits;
  out.stale = c.stale;
  out.negative = c.negatives;
  out.misses = c.misses;
  out.loads = c.loads;
  out.failures = c.failures;
  out.restarts = c.restarts;
  out.refused = c.refused;
  for (const auto& shard : c.shards) {
    const std::lock_guard hold(shard->mutex);
    out.known += shard->known.size();
    out.bytes += shard->known.bytes();
    out.negatives += shard->negative.size();
    out.in_flight += shard->flights.size();
  }
  return out;
}

}  // namespace marquee::routing
