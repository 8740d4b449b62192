// Whether a dependency is asked at all. One answer that is too late opens it, for
// the next would be, too; a probe that comes back in time closes it. Pure.
#pragma once
#include <cstdint>

namespace marquee::limits {

class Breaker {
 public:
  explicit Breaker(std::int64_t timeout_us) : timeout_us_(timeout_us) {}

  bool closed() const { return closed_; }
  // An answer was late, wrong, or lost. True when this opened it.
  bool failed() {
    const bool opened = closed_;
    closed_ = false;
    return opened;
  }
  // A probe is wanted and none is under way.
  bool wants_probe() const { return !closed_ && probe_sent_us_ < 0; }
  void probe_sent(std::int64_t now_us) { probe_sent_us_ = now_us; }
  void probe_lost() { probe_sent_us_ = -1; }
  // True when this closed it.
  bool probe_answered(std::int64_t now_us) {
    const bool in_time = probe_sent_us_ >= 0 && now_us - probe_sent_us_ <= timeout_us_;
    probe_sent_us_ = -1;
    if (in_time) closed_ = true;
    return in_time;
  }

 private:
  std::int64_t timeout_us_;
  std::int64_t probe_sent_us_ = -1;  // -1: none is under way
  bool closed_ = false;              // until the first probe was answered
};

}  // namespace marquee::limits
