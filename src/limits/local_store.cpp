#include "limits/local_store.hpp"

#include <array>

namespace marquee::limits {

LocalStore::LocalStore(std::size_t bytes, HashSeed seed)
    : seed_(seed), states_(bytes / 4 * 3), seats_(bytes / 4) {}

std::uint64_t LocalStore::id_of(std::string_view key) const {
  const std::uint64_t id = key_hash(key, seed_);
  return id ? id : 1;
}

Decision LocalStore::charge(std::uint64_t id, const Limit& limit, std::uint32_t cost, Ticks now,
                            CellTable::Cell*& cell) {
  Decision out;
  cell = states_.update(id, {INT64_MAX, now}, [&](Ticks old, Ticks& next) {
    out = marquee::limits::decide(old, now, limit, cost);
    next = out.state;
    return out.allowed;
  });
  if (!cell) out = marquee::limits::decide(0, now, limit, cost);  // not counted
  return out;
}

Verdict LocalStore::decide(Question& question, Ticks now, std::uint32_t parts) {
  Verdict verdict;
  auto& charges = question.charges;
  std::array<std::uint64_t, kMostRules> ids;
  std::array<CellTable::Cell*, kMostRules> charged{};
  const auto limit_of = [parts](const Charge& c) { return c.limit.share(parts); };
  // A share may be smaller than what one request costs: then one still passes.
  const auto cost_of = [](const Charge& c, const Limit& limit) {
    return std::min(c.cost, limit.burst);
  };
  if (charges.size() == 1) {  // nothing to give back
    Charge& c = charges.front();
    const Limit limit = limit_of(c);
    c.decision = charge(id_of(question.key(c)), limit, cost_of(c, limit), now, charged[0]);
    if (!c.decision.allowed && !c.rule->shadow) verdict.refused_by = 0;
    return verdict;
  }
  // Without charging first: most requests that are refused cost others nothing.
  for (std::size_t i = 0; i < charges.size(); ++i) {
    Charge& c = charges[i];
    const Limit limit = limit_of(c);
    ids[i] = id_of(question.key(c));
    c.decision = marquee::limits::decide(states_.read(ids[i]), now, limit, cost_of(c, limit));
  }
  verdict.refused_by = refused_by(question);
  for (std::size_t i = 0; verdict.allowed() && i < charges.size(); ++i) {
    Charge& c = charges[i];
    const Limit limit = limit_of(c);
    c.decision = charge(ids[i], limit, cost_of(c, limit), now, charged[i]);
    if (c.decision.allowed) continue;
    charged[i] = nullptr;
    if (!c.rule->shadow) verdict.refused_by = static_cast<int>(i);
  }
  if (verdict.allowed()) return verdict;
  // Another worker was faster: what was charged is given back.
  for (std::size_t i = 0; i < charges.size(); ++i) {
    Charge& c = charges[i];
    const Limit limit = limit_of(c);
    if (charged[i]) CellTable::take_back(*charged[i], ids[i], limit.unit * cost_of(c, limit));
    if (c.decision.allowed) {  // but the request is not: what is left is what was
      c.decision = marquee::limits::decide(states_.read(ids[i]), now, limit, 0);
    }
  }
  return verdict;
}

Decision LocalStore::look(const Limit& limit, std::string_view key, Ticks now) const {
  return marquee::limits::decide(states_.read(id_of(key)), now, limit, 0);
}

bool LocalStore::reset(std::string_view key) { return states_.erase(id_of(key)); }

bool LocalStore::enter(const Rule& rule, std::string_view key, Seat& seat) {
  bool taken = false;
  seat.cell = seats_.update(id_of(key), {0, 0}, [&](std::int64_t old, std::int64_t& next) {
    taken = old < rule.concurrent;
    next = old + 1;
    return taken;
  });
  if (!seat.cell) return true;  // all places of its set are in use: not counted
  if (!taken) seat.cell = nullptr;
  return taken;
}

void LocalStore::leave(Seat seat) {
  if (seat.cell) CellTable::take_back(*seat.cell, 0, 1);
}

}  // namespace marquee::limits
