#include "limits/leases.hpp"

#include <algorithm>
#include <array>

namespace marquee::limits {

Ticks LeaseBook::debt_now(const Lease& lease, Ticks now) {
  return std::max<Ticks>(lease.debt - (now - lease.seen), 0);
}

std::int64_t LeaseBook::largest(const Lease& lease, std::uint32_t cost, std::uint32_t sharers) {
  const Ticks ahead = std::min(lease.limit.depth / 4, kAhead);
  return std::max<std::int64_t>(ahead / lease.limit.unit / sharers, cost);
}

LeaseBook::Lease& LeaseBook::lease_of(std::uint64_t id, const Question& question,
                                      const Charge& charge) {
  const Limit& limit = charge.limit;
  if (Lease* const found = leases_.find(id)) {
    if (found->limit.unit == limit.unit && found->limit.burst == limit.burst) return *found;
    found->limit = limit;  // the rule was changed by a reload
    found->units = found->credit = 0;
    return *found;
  }
  Lease fresh;
  fresh.tag = question.tag(charge);
  fresh.key = question.key(charge);
  fresh.limit = limit;
  fresh.size = charge.cost;
  leases_.insert(id, std::move(fresh), 1);
  return *leases_.find(id);
}

void LeaseBook::prepare(Lease& lease, std::uint32_t cost, Ticks now, std::uint32_t sharers) {
  if (lease.units > 0 && now >= lease.void_at) {
    lease.units = 0;
    lease.size = std::max<std::int64_t>(lease.size / 2, cost);
  }
  if (lease.units + lease.credit >= cost || lease.credited || now < lease.pause_until) return;
  const Ticks room = lease.limit.depth - debt_now(lease, now);
  lease.credit = room / lease.limit.unit / sharers;
  // A share of less than one request: of many workers' the first still passes.
  if (lease.credit < cost && room >= lease.limit.unit * cost && lease.seen == 0)
    lease.credit = cost;
  lease.credited = true;
}

int LeaseBook::decide(Question& question, Ticks now, std::uint32_t sharers) {
  auto& charges = question.charges;
  std::array<std::uint64_t, kMostRules> ids;
  std::array<Lease*, kMostRules> leases;
  int refused_by = -1;
  sharers = std::max(sharers, 1u);
  for (std::size_t i = 0; i < charges.size(); ++i) {
    ids[i] = key_hash(question.key(charges[i]), seed_);
    Lease& lease = lease_of(ids[i], question, charges[i]);
    leases[i] = &lease;
    prepare(lease, charges[i].cost, now, sharers);
    charges[i].decision.allowed = lease.units + lease.credit >= charges[i].cost;
    if (!charges[i].decision.allowed && !charges[i].rule->shadow && refused_by < 0)
      refused_by = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < charges.size(); ++i) {
    Lease& lease = *leases[i];
    const std::int64_t cost = charges[i].cost;
    Decision& d = charges[i].decision;
    if (refused_by < 0 && d.allowed) {
      const std::int64_t borrowed = std::min(lease.units, cost);
      lease.units -= borrowed;
      lease.credit -= cost - borrowed;
      lease.owed += cost - borrowed;
      credited_ += static_cast<std::uint64_t>(cost - borrowed);
    }
    const Ticks owed = debt_now(lease, now) + lease.owed * lease.limit.unit;
    const std::int64_t left =
        std::max<Ticks>(lease.limit.depth - owed, 0) / lease.limit.unit + lease.units;
    d.remaining = static_cast<std::uint32_t>(std::min<std::int64_t>(left, lease.limit.burst));
    d.reset = std::min(owed, lease.limit.depth);
    d.state = 0;
    if (!d.allowed) {
      d.remaining = 0;
      d.retry_after = std::max(lease.pause_until - now, lease.limit.unit);
    }
    if (lease.borrowing || now < lease.pause_until) continue;
    if (lease.owed == 0 && lease.units * 2 > lease.size) continue;
    if (now - lease.asked < kLeaseLife / 4) lease.size *= 2;
    lease.asked = now;
    lease.size =
        std::clamp<std::int64_t>(lease.size, cost, largest(lease, charges[i].cost, sharers));
    lease.want = std::max<std::int64_t>(lease.size - lease.units, 0);
    lease.borrowing = true;
    wanted_.push_back(ids[i]);
  }
  return refused_by < 0 ? -1 : marquee::limits::refused_by(question);
}

bool LeaseBook::next_loan(Loan& loan) {
  while (!wanted_.empty()) {
    const std::uint64_t id = wanted_.back();
    wanted_.pop_back();
    Lease* const lease = leases_.find(id);
    if (!lease) continue;  // it had to leave
    lease->owed_asked = lease->owed;
    lease->owed = 0;
    loan = {id, lease->tag, lease->key, lease->limit, lease->owed_asked, lease->want};
    return true;
  }
  return false;
}

bool LeaseBook::granted(std::uint64_t id, std::int64_t units, Ticks debt, Ticks now) {
  Lease* const lease = leases_.find(id);
  if (!lease || !lease->borrowing) return true;  // forgotten meanwhile
  // More than was asked for, or than anybody can owe (credit is charged beyond the
  // limit): whoever says so is no store of ours.
  constexpr Ticks kMostDepths = 16;
  if (units < 0 || units > lease->want || debt < 0 || debt > kMostDepths * lease->limit.depth) {
    lost(id);
    return false;
  }
  lease->borrowing = lease->credited = false;
  lease->credit = 0;
  lease->owed_asked = 0;
  lease->units += units;
  lease->debt = debt;
  lease->seen = now;
  lease->void_at = now + kLeaseLife;
  if (units >= lease->want) return true;
  // Until there is room for one more.
  const Ticks wait = debt + lease->limit.unit - lease->limit.depth;
  lease->pause_until = now + std::max(wait, kLeastPause);
  return true;
}

void LeaseBook::lost(std::uint64_t id) {
  Lease* const lease = leases_.find(id);
  if (!lease || !lease->borrowing) return;
  lease->borrowing = false;
  lease->owed += lease->owed_asked;
  lease->owed_asked = 0;
}

SharedCounters::Held LeaseBook::held(std::string_view key) {
  const Lease* const lease = leases_.find(key_hash(key, seed_));
  if (!lease) return {};
  return {lease->units, lease->owed + lease->owed_asked};
}

void LeaseBook::let_go(std::string_view key) { leases_.erase(key_hash(key, seed_)); }

void LeaseBook::forget() {
  wanted_.clear();
  leases_ = base::LruTable<std::uint64_t, Lease, SameHash>(keys_);
}

}  // namespace marquee::limits
