#include "proxy/upstream/ejection.hpp"

#include <algorithm>

namespace marquee::proxy {
namespace {

using Kind = HealthTicket::Kind;

// One word: until (44 bits, ms) | ejections in a row (4) | state (2) | failures (14).
// `until` is the end of an ejection, or of the patience with a trial.
constexpr std::uint64_t kFailuresMax = (1u << 14) - 1;
constexpr std::uint64_t kUntilMax = (std::uint64_t{1} << 44) - 1;
constexpr std::uint64_t kInARowMax = 15;

struct Fields {
  HealthState state = HealthState::healthy;
  std::uint64_t failures = 0;
  std::uint64_t in_a_row = 0;
  std::uint64_t until = 0;
};

constexpr Fields unpack(std::uint64_t w) {
  return {static_cast<HealthState>(w >> 14 & 3), w & kFailuresMax, w >> 16 & 15, w >> 20};
}

constexpr std::uint64_t pack(const Fields& f) {
  return f.until << 20 | f.in_a_row << 16 | static_cast<std::uint64_t>(f.state) << 14 | f.failures;
}

std::uint64_t after(HealthTime now, HealthTime wait) {
  const auto at =
      std::max<HealthTime::rep>(0, now.count()) + std::max<HealthTime::rep>(0, wait.count());
  return std::min(static_cast<std::uint64_t>(at), kUntilMax);
}

std::uint64_t ejected_word(std::uint64_t in_a_row, HealthTime now, const EjectionRule& rule) {
  const HealthTime::rep factor = in_a_row >= 4 ? 10 : HealthTime::rep{1} << in_a_row;
  return pack({HealthState::ejected, 0, std::min(in_a_row + 1, kInARowMax),
               after(now, rule.duration * factor)});
}

bool time_is_over(const Fields& f, HealthTime now) { return after(now, HealthTime{0}) >= f.until; }

}  // namespace

EjectionRule ejection_rule(const config::Ejection& settings, std::size_t endpoints) {
  EjectionRule rule;
  rule.threshold = settings.consecutive_failures;
  rule.duration = settings.duration;
  const std::size_t share = endpoints * std::min<std::size_t>(settings.max_percent, 100) / 100;
  rule.most = static_cast<std::uint32_t>(endpoints == 0 ? 0 : std::min(share, endpoints - 1));
  return rule;
}

bool EjectedShare::reserve(std::uint32_t most) {
  std::uint32_t now_out = out_.load(std::memory_order_relaxed);
  while (now_out < most) {
    if (out_.compare_exchange_weak(now_out, now_out + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

// Relaxed everywhere: the word is the whole state and guards no other memory.
bool EndpointHealth::swap(std::uint64_t& expected, std::uint64_t wanted) {
  return word_.compare_exchange_strong(expected, wanted, std::memory_order_relaxed);
}

HealthState EndpointHealth::state() const {
  return unpack(word_.load(std::memory_order_relaxed)).state;
}

bool EndpointHealth::eligible(HealthTime now) const {
  const Fields f = unpack(word_.load(std::memory_order_relaxed));
  return f.state == HealthState::healthy || time_is_over(f, now);
}

HealthTicket EndpointHealth::admit(HealthTime now, const EjectionRule& rule) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  Fields f = unpack(word);
  if (f.state == HealthState::healthy) return {Kind::normal, word};
  if (!time_is_over(f, now)) return {Kind::refused, word};
  // Later than the time that is over, so that the ticket of a silent trial never
  // equals that of its successor.
  f.until = after(now, std::max(rule.trial, HealthTime{1}));
  f.state = HealthState::probing;
  const std::uint64_t trial = pack(f);
  if (swap(word, trial)) return {Kind::trial, trial};
  return {unpack(word).state == HealthState::healthy ? Kind::normal : Kind::refused, word};
}

HealthTicket EndpointHealth::force(HealthTime now, const EjectionRule& rule) {
  HealthTicket ticket = admit(now, rule);
  if (ticket.kind == Kind::refused) ticket.kind = Kind::forced;
  return ticket;
}

HealthChange EndpointHealth::succeeded(const HealthTicket& ticket, EjectedShare& share) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (ticket.kind == Kind::normal) {
    // Also here no loop: if the word changed, someone has newer news.
    const Fields f = unpack(word);
    if (f.state == HealthState::healthy && f.failures != 0) swap(word, 0);
    return HealthChange::none;
  }
  if (ticket.kind == Kind::refused) return HealthChange::none;
  word = ticket.word;
  if (!swap(word, 0)) return HealthChange::none;
  share.release();
  return HealthChange::restored;
}

HealthChange EndpointHealth::failed(const HealthTicket& ticket, HealthTime now,
                                    const EjectionRule& rule, EjectedShare& share) {
  if (ticket.kind == Kind::trial) {
    std::uint64_t word = ticket.word;
    const bool swapped = swap(word, ejected_word(unpack(word).in_a_row, now, rule));
    return swapped ? HealthChange::ejected : HealthChange::none;
  }
  if (ticket.kind != Kind::normal || rule.threshold == 0) return HealthChange::none;
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    Fields f = unpack(word);
    if (f.state != HealthState::healthy) return HealthChange::none;
    f.failures = std::min(f.failures + 1, kFailuresMax);
    const bool due = f.failures >= std::min<std::uint64_t>(rule.threshold, kFailuresMax);
    if (due && share.reserve(rule.most)) {
      if (swap(word, ejected_word(0, now, rule))) return HealthChange::ejected;
      share.release();
    } else if (swap(word, pack(f))) {
      return HealthChange::none;
    }
  }
}

void EndpointHealth::abandoned(const HealthTicket& ticket, HealthTime now) {
  if (ticket.kind != Kind::trial) return;
  Fields f = unpack(ticket.word);
  f.state = HealthState::ejected;
  f.until = after(now, HealthTime{0});
  std::uint64_t word = ticket.word;
  swap(word, pack(f));
}

void EndpointHealth::adopt(const EndpointHealth& old, const EjectionRule& rule,
                           EjectedShare& share) {
  std::uint64_t word = old.word_.load(std::memory_order_relaxed);
  const Fields f = unpack(word);
  if (f.state != HealthState::healthy && (rule.threshold == 0 || !share.reserve(rule.most))) {
    word = 0;
  }
  word_.store(word, std::memory_order_relaxed);
}

}  // namespace marquee::proxy
