// Passive ejection: an endpoint whose requests fail again and again gets none
// for a while, then one trial request, whose result decides.
//
//   healthy --threshold consecutive failures--> ejected(until t)
//   ejected --t has come, one caller wins--> probing(one trial under way)
//   probing --trial succeeded--> healthy
//           --trial failed--> ejected, twice as long (at most ten times the first)
//           --trial abandoned, or silent for `trial`--> another caller may try
//
// Pure: time is an argument. All workers share one EndpointHealth per endpoint
// and one EjectedShare per pool; every change is one compare-and-swap of one
// word, and a success of a healthy endpoint writes nothing.
#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "config/settings.hpp"

namespace marquee::proxy {

// Milliseconds of a monotonic clock from a fixed point; never negative.
using HealthTime = std::chrono::milliseconds;

struct EjectionRule {
  std::uint32_t threshold = 5;  // consecutive failures; 0: never ejected
  HealthTime duration{10'000};  // of the first ejection
  HealthTime trial{30'000};     // after this a silent trial is given up
  std::uint32_t most = 0;       // endpoints of the pool that may be out at once
};

// `most` is the percentage rounded down, and always leaves one endpoint.
EjectionRule ejection_rule(const config::Ejection& settings, std::size_t endpoints);

// How many endpoints of one pool are out (ejected or probing).
class EjectedShare {
 public:
  std::uint32_t count() const { return out_.load(std::memory_order_relaxed); }

 private:
  friend class EndpointHealth;
  bool reserve(std::uint32_t most);
  void release() { out_.fetch_sub(1, std::memory_order_relaxed); }
  std::atomic<std::uint32_t> out_{0};
};

enum class HealthState : std::uint8_t { healthy, ejected, probing };
enum class HealthChange : std::uint8_t { none, ejected, restored };  // for logs and counters

// Which part a request plays for its endpoint's health. Obtained before the
// request is sent, and given back exactly once with its result.
struct HealthTicket {
  enum class Kind : std::uint8_t {
    refused,  // not admitted: choose another endpoint
    normal,   // the endpoint was healthy
    trial,    // the one request that decides
    forced,   // sent although ejected, because nothing else was there
  };
  Kind kind = Kind::refused;
  std::uint64_t word = 0;  // the state that a trial or forced request answers
};

class EndpointHealth {
 public:
  HealthState state() const;
  // True when admit() would probably let a request pass. Cheap: one load.
  bool eligible(HealthTime now) const;

  // Of all callers that meet an ejection whose time is over, one gets a trial.
  HealthTicket admit(HealthTime now, const EjectionRule& rule);
  // Never refuses; becomes a trial where admit() would.
  HealthTicket force(HealthTime now, const EjectionRule& rule);

  // `failed` is for what is the endpoint's fault (connect, reset, time-out, 502
  // by its own framing), not for a 5xx that it chose to send.
  HealthChange succeeded(const HealthTicket& ticket, EjectedShare& share);
  HealthChange failed(const HealthTicket& ticket, HealthTime now, const EjectionRule& rule,
                      EjectedShare& share);
  // The request ended without saying anything about the endpoint (client left).
  void abandoned(const HealthTicket& ticket, HealthTime now);

  // Before a new pool is published: takes over the state that the endpoint had
  // in the pool of the old settings. Where the new rule leaves no room, it
  // begins healthy.
  void adopt(const EndpointHealth& old, const EjectionRule& rule, EjectedShare& share);

 private:
  bool swap(std::uint64_t& expected, std::uint64_t wanted);
  std::atomic<std::uint64_t> word_{0};
};

}  // namespace marquee::proxy
