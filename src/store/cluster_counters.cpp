#include "store/cluster_counters.hpp"

#include <algorithm>
#include <bit>

namespace marquee::store {
namespace {

constexpr net::Ms kTick{1000};
constexpr unsigned kTicksToLeave = 2;
constexpr std::size_t kMostVisits = 32'768;
constexpr std::size_t kMostLeases = 16'384;
constexpr std::size_t kMostUnlisted = 16;  // masters that only redirects have named
constexpr std::size_t kMostMoved = limits::kSlots;

limits::Ticks ticks_of(net::TimePoint when) {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count() / 125 * 2;
}

}  // namespace

ClusterCounters::ClusterCounters(net::Worker& worker, net::RedisSettings settings,
                                 RedisFleet& fleet, bool heartbeat,
                                 const RedisCounterMetrics& metrics, base::Cells& cells,
                                 base::Logger& logger)
    : worker_(worker),
      settings_(std::move(settings)),
      fleet_(fleet),
      heartbeat_(heartbeat),
      metrics_(metrics),
      cells_(cells),
      logger_(logger),
      leases_(kMostLeases, {random_.next(), random_.next()}),
      nodes_slot_(limits::key_slot(limits::redis_key(fleet.key_prefix, {}, limits::kNodesKey))) {}

ClusterCounters::~ClusterCounters() = default;

// --- masters ----------------------------------------------------------------

void ClusterCounters::set_place(const RedisPlace& place) {
  if (!place.slots) return;
  for (const auto& shard : shards_) shard->listed = false;
  table_ = place.slots;
  listed_.clear();
  for (const limits::RedisMaster& master : table_->masters)
    listed_.push_back(shard_at(master, true));
  auto keys =
      limits::keys_of_masters(*table_, limits::redis_key(fleet_.key_prefix, {}, limits::kProbeKey));
  for (std::size_t i = 0; i < listed_.size(); ++i)
    if (listed_[i]) listed_[i]->counters->set_probe_key(std::move(keys[i]));
  fleet_.masters = static_cast<std::uint32_t>(listed_.size());
  moved_.clear();
  covered_ = std::find(table_->of.begin(), table_->of.end(), limits::SlotTable::kNobody) ==
             table_->of.end();
  on_shard_changed();
  if (!tick_.armed()) {
    net::Turn& turn = worker_.turn();
    turn.deadlines().arm(tick_, *this, kTick, turn.now());
  }
}

// Null: it cannot be had, for it has no address, or there are too many.
ClusterCounters::Shard* ClusterCounters::shard_at(const limits::RedisMaster& master, bool listed) {
  std::size_t unlisted = 0;
  for (const auto& shard : shards_) {
    if (shard->master.address == master.address) {
      shard->listed |= listed;
      shard->leaving = 0;
      return shard.get();
    }
    unlisted += shard->listed ? 0 : 1;
  }
  if (master.address == net::RedisAddress{{}, {}, master.address.port}) return nullptr;
  if (!listed && unlisted >= kMostUnlisted) return nullptr;
  net::RedisSettings settings = settings_;
  if (settings.server_name.empty()) settings.server_name = master.host;
  Shard& shard = *shards_.emplace_back(std::make_unique<Shard>());
  shard.master = master;
  shard.listed = listed;
  shard.used = worker_.turn().now();
  shard.counters =
      std::make_unique<RedisCounters>(worker_, std::move(settings), fleet_, false, metrics_, cells_,
                                      logger_, static_cast<ClusterOwner*>(this));
  shard.counters->set_place({{master.address}, false, nullptr});
  return &shard;
}

ClusterCounters::Shard* ClusterCounters::shard_of(std::uint16_t slot) {
  if (!moved_.empty())
    if (const auto found = moved_.find(slot); found != moved_.end()) return found->second;
  const std::uint16_t at = table_->of[slot];
  return at < listed_.size() ? listed_[at] : nullptr;
}

ClusterCounters::Shard* ClusterCounters::follow(const limits::Redirect& to) {
  metrics_.redirects.increment(cells_, to.kind);
  look_again();
  limits::RedisMaster master{std::string(to.host), {{}, {}, to.port}};
  if (const auto ip = base::IpAddress::parse(to.host)) {
    master.address.ip = *ip;
  } else {
    // By name, or by none: then it is another port of the server that had the slot.
    const Shard* const old = shard_of(to.slot);
    for (const limits::RedisMaster& known : table_->masters)
      if (known.address.port == to.port &&
          (to.host.empty() ? old && known.host == old->master.host : known.host == to.host))
        master = known;
  }
  Shard* const shard = shard_at(master, false);
  if (shard) shard->used = worker_.turn().now();
  if (shard && to.kind == limits::Redirect::Kind::moved && moved_.size() < kMostMoved)
    moved_[to.slot] = shard;
  return shard;
}

void ClusterCounters::on_moved(const limits::Redirect& to) {
  if (to.kind == limits::Redirect::Kind::moved) follow(to);
}

void ClusterCounters::look_again() {
  if (fleet_.look_again) fleet_.look_again();
}

// A worker is ready when each master that has slots is asked.
void ClusterCounters::on_shard_changed() {
  const auto asked = std::count_if(listed_.begin(), listed_.end(),
                                   [](const Shard* s) { return s && s->counters->asks(); });
  fleet_.masters_asked[worker_.index()] = static_cast<std::uint32_t>(asked);
  const bool ready = covered_ && static_cast<std::size_t>(asked) == listed_.size();
  if (ready == ready_) return;
  ready_ = ready;
  ready_since_ = worker_.turn().now();
  metrics_.ready.set(cells_, ready ? 1 : 0);
  ready ? ++fleet_.asking : --fleet_.asking;
  if (ready && heartbeat_) shard_of(nodes_slot_)->counters->count_nodes();
}

// Counts the nodes, and lets go of masters that have no slots any more: first nobody
// asks them, then their connection ends, then they are destroyed.
void ClusterCounters::tick() {
  closed_.clear();
  const net::TimePoint now = worker_.turn().now();
  for (auto& shard : shards_) {
    const bool wanted = shard->listed || now - shard->used < 30 * kTick;
    shard->leaving = wanted ? 0 : shard->leaving + 1;
    if (shard->leaving < kTicksToLeave) continue;
    std::erase_if(moved_, [&](const auto& entry) { return entry.second == shard.get(); });
    shard->counters->close();
    closed_.push_back(std::move(shard));
  }
  std::erase(shards_, nullptr);
  if (ready_ && now - ready_since_ >= kTick && fleet_.recovered())
    logger_.info("Redis counts rate limits again");
  if (heartbeat_)
    if (Shard* const shard = shard_of(nodes_slot_)) shard->counters->count_nodes();
  net::Turn& turn = worker_.turn();
  turn.deadlines().arm(tick_, *this, kTick, turn.now());
}

// --- exact ------------------------------------------------------------------

ClusterCounters::Visit& ClusterCounters::take_visit() {
  if (free_.empty()) {
    free_.push_back(visits_.size());
    visits_.emplace_back(*this, visits_.size());
  }
  Visit& visit = visits_[free_.back()];
  free_.pop_back();
  visit.busy = true;
  ++visit.generation;
  visit.uncounted = 0;
  visit.due = visit.used = 0;
  return visit;
}

limits::SharedCounters::Ticket ClusterCounters::ask(limits::Question& question,
                                                    limits::SharedCounters::Waiter& waiter,
                                                    std::uint64_t tag) {
  if (!table_ || (free_.empty() && visits_.size() >= kMostVisits)) return 0;
  Visit& visit = take_visit();
  visit.question = &question;
  visit.waiter = &waiter;
  visit.tag = tag;
  question.uncounted = 0;
  begin(visit);
  if (visit.due == 0) {
    release(visit);
    return 0;
  }
  net::Turn& turn = worker_.turn();
  turn.deadlines().arm(visit.late, visit, fleet_.timeout, turn.now());
  return static_cast<std::uint64_t>(visit.at + 1) << 32 | visit.generation;
}

// Asks for all groups; those that cannot be asked for are uncounted.
void ClusterCounters::begin(Visit& visit) {
  limits::Question& question = *visit.question;
  limits::group_by_slot(question, fleet_.key_prefix, groups_);
  if (visit.parts.size() < groups_.size()) visit.parts.resize(groups_.size());
  visit.used = groups_.size();
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Part& part = visit.parts[i];
    part.charges = groups_[i].charges;
    part.redirected = false;
    part.question = &question;
    if (groups_.size() > 1) {
      part.question = &part.own;
      part.own = question;
      limits::take_out(part.own, part.charges, taken_);
    }
    part.shard = shard_of(groups_[i].slot);
    part.ticket = part.shard
                      ? part.shard->counters->ask(*part.question, *this, visit.at << kPartBits | i)
                      : 0;
    if (part.ticket != 0)
      ++visit.due;
    else
      visit.uncounted |= part.charges;
  }
}

void ClusterCounters::on_counted(std::uint64_t tag, bool counted) {
  Visit& visit = visits_[tag >> kPartBits];
  part_done(visit, visit.parts[tag & ((1u << kPartBits) - 1)], counted);
}

void ClusterCounters::on_redirect(std::uint64_t tag, const limits::Redirect& to) {
  Visit& visit = visits_[tag >> kPartBits];
  Part& part = visit.parts[tag & ((1u << kPartBits) - 1)];
  Shard* const shard = follow(to);
  part.ticket = 0;
  if (shard && !std::exchange(part.redirected, true)) {
    part.shard = shard;
    part.ticket =
        shard->counters->ask(*part.question, *this, tag, to.kind == limits::Redirect::Kind::ask);
  }
  if (part.ticket == 0) part_done(visit, part, false);
}

void ClusterCounters::part_done(Visit& visit, Part& part, bool counted) {
  part.ticket = 0;
  if (!counted) visit.uncounted |= part.charges;
  if (counted && part.question == &part.own) {
    std::size_t from = 0;
    for (std::uint64_t left = part.charges; left != 0; left &= left - 1)
      visit.question->charges[static_cast<std::size_t>(std::countr_zero(left))].decision =
          part.own.charges[from++].decision;
  }
  if (--visit.due == 0) conclude(visit);
}

void ClusterCounters::conclude(Visit& visit) {
  limits::Question& question = *visit.question;
  question.uncounted = visit.uncounted;
  const bool counted = visit.uncounted != limits::all_charges(question);
  limits::SharedCounters::Waiter& waiter = *visit.waiter;
  const std::uint64_t tag = visit.tag;
  release(visit);
  waiter.on_counted(tag, counted);
}

void ClusterCounters::release(Visit& visit) {
  visit.late.disarm();
  visit.busy = false;
  visit.question = nullptr;
  free_.push_back(visit.at);
}

void ClusterCounters::cancel(Ticket ticket) {
  const std::size_t at = static_cast<std::size_t>(ticket >> 32) - 1;
  if (ticket == 0 || at >= visits_.size()) return;
  Visit& visit = visits_[at];
  if (!visit.busy || visit.generation != static_cast<std::uint32_t>(ticket)) return;
  for (std::size_t i = 0; i < visit.used; ++i)
    if (Part& part = visit.parts[i]; part.ticket != 0)
      part.shard->counters->cancel(std::exchange(part.ticket, 0));
  release(visit);
}

// Asked again elsewhere, and out of time before that master was.
void ClusterCounters::out_of_time(Visit& visit) {
  for (std::size_t i = 0; i < visit.used; ++i) {
    Part& part = visit.parts[i];
    if (part.ticket == 0) continue;
    part.shard->counters->cancel(std::exchange(part.ticket, 0));
    visit.uncounted |= part.charges;
  }
  conclude(visit);
}

// --- leased -----------------------------------------------------------------

std::uint64_t ClusterCounters::uncounted_now(const limits::Question& question) {
  if (ready_ && moved_.empty()) return 0;
  std::uint64_t out = 0;
  limits::group_by_slot(question, fleet_.key_prefix, groups_);
  for (const limits::SlotGroup& group : groups_) {
    const Shard* const shard = shard_of(group.slot);
    if (!shard || !shard->counters->asks()) out |= group.charges;
  }
  return out;
}

std::optional<limits::Verdict> ClusterCounters::decide_now(limits::Question& question) {
  if (!table_) return std::nullopt;
  const std::uint64_t uncounted = uncounted_now(question);
  if (uncounted == limits::all_charges(question)) return std::nullopt;
  const std::uint64_t before = leases_.credited();
  const limits::Ticks now = ticks_of(worker_.turn().now());
  const std::uint32_t sharers = nodes() * fleet_.workers;
  limits::Verdict out;
  if (uncounted == 0) {
    out.refused_by = leases_.decide(question, now, sharers);
  } else {
    limits::take_out(question, ~uncounted, taken_);
    leases_.decide(question, now, sharers);
    limits::put_back(question, ~uncounted, taken_);
  }
  question.uncounted = uncounted;
  metrics_.credited.add(cells_, leases_.credited() - before);
  borrow();
  return out;
}

void ClusterCounters::borrow() {
  limits::LeaseBook::Loan loan;
  while (leases_.next_loan(loan)) {
    LoanCall call(loan, fleet_.key_prefix);
    Shard* const shard = shard_of(limits::key_slot(call.key));
    if (shard && shard->counters->asks() && shard->counters->lend(call, false))
      loans_[call.id] = {std::move(call), false};
    else
      leases_.lost(call.id);
  }
}

void ClusterCounters::on_loan_redirect(std::uint64_t id, const limits::Redirect& to) {
  Shard* const shard = follow(to);
  const auto found = loans_.find(id);
  if (found == loans_.end()) return;
  if (shard && !std::exchange(found->second.redirected, true) && shard->counters->asks() &&
      shard->counters->lend(found->second.call, to.kind == limits::Redirect::Kind::ask))
    return;
  on_loan_lost(id);
}

bool ClusterCounters::on_lent(std::uint64_t id, std::int64_t units, std::int64_t debt) {
  loans_.erase(id);
  return leases_.granted(id, units, debt, ticks_of(worker_.turn().now()));
}

void ClusterCounters::on_loan_lost(std::uint64_t id) {
  loans_.erase(id);
  leases_.lost(id);
}

void ClusterCounters::on_deadline(net::Deadline&) { tick(); }

}  // namespace marquee::store
