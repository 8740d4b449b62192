// Whether a dependency is asked at all. One answer that is too late opens it, for
// the next would be, too; a probe that comes back in time closes it. Pure; times are
// in microseconds from any start.
//
// It is probed at once and often, so that an end of an outage is seen soon; but where
// it opens again right after it was closed, the probe proves little, and each time the
// next one waits for twice as long, up to kLongestPause.
#pragma once
#include <algorithm>
#include <cstdint>

namespace marquee::limits {

class Breaker {
 public:
  static constexpr std::int64_t kSteady = 1'000'000;  // closed for so long: it is well
  static constexpr std::int64_t kFirstPause = 100'000;
  static constexpr std::int64_t kLongestPause = 400'000;

  explicit Breaker(std::int64_t timeout_us) : timeout_us_(timeout_us) {}

  bool closed() const { return closed_; }
  // An answer was late, wrong, or lost. True when this opened it.
  bool failed(std::int64_t now_us) {
    if (!closed_) return false;
    closed_ = false;
    if (now_us - closed_at_us_ >= kSteady)
      pause_us_ = 0;
    else
      pause_us_ = std::clamp(pause_us_ * 2, kFirstPause, kLongestPause);
    probe_from_us_ = now_us + pause_us_;
    return true;
  }
  // A probe is wanted and none is under way.
  bool wants_probe(std::int64_t now_us) const {
    return !closed_ && probe_sent_us_ < 0 && now_us >= probe_from_us_;
  }
  void probe_sent(std::int64_t now_us) { probe_sent_us_ = now_us; }
  void probe_lost() { probe_sent_us_ = -1; }
  // True when this closed it.
  bool probe_answered(std::int64_t now_us) {
    const bool in_time = probe_sent_us_ >= 0 && now_us - probe_sent_us_ <= timeout_us_;
    probe_sent_us_ = -1;
    if (in_time) {
      closed_ = true;
      closed_at_us_ = now_us;
    }
    return in_time;
  }

 private:
  std::int64_t timeout_us_;
  std::int64_t probe_sent_us_ = -1;  // -1: none is under way
  std::int64_t closed_at_us_ = 0;
  std::int64_t pause_us_ = 0;
  std::int64_t probe_from_us_ = INT64_MIN;
  bool closed_ = false;  // until the first probe was answered
};

}  // namespace marquee::limits
