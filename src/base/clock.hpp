// Time as an argument. Decisions take the values; only shells hold a Clock.
#pragma once
#include <time.h>

#include <cstdint>

namespace marquee::base {

// steady_ns: nanoseconds since an arbitrary start, never going back; for
// deadlines and durations. wall_ms: Unix milliseconds, may jump; for logs,
// certificates and identifiers. Implementations may be called by any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t steady_ns() const = 0;
  virtual std::uint64_t wall_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::uint64_t steady_ns() const override { return read(CLOCK_MONOTONIC, 1'000'000'000, 1); }
  std::uint64_t wall_ms() const override { return read(CLOCK_REALTIME, 1'000, 1'000'000); }

 private:
  static std::uint64_t read(clockid_t id, std::uint64_t per_second, std::uint64_t ns_per_unit) {
    timespec now{};
    clock_gettime(id, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * per_second +
           static_cast<std::uint64_t>(now.tv_nsec) / ns_per_unit;
  }
};

// For tests, of one thread: stands still until told to go on.
class ManualClock final : public Clock {
 public:
  ManualClock(std::uint64_t steady_ns, std::uint64_t wall_ms)
      : steady_ns_(steady_ns), wall_ms_(wall_ms) {}
  std::uint64_t steady_ns() const override { return steady_ns_; }
  std::uint64_t wall_ms() const override { return wall_ms_; }

  void advance_ms(std::uint64_t ms) {
    steady_ns_ += ms * 1'000'000;
    wall_ms_ += ms;
  }
  void set_wall_ms(std::uint64_t ms) { wall_ms_ = ms; }  // somebody set the clock

 private:
  std::uint64_t steady_ns_;
  std::uint64_t wall_ms_;
};

}  // namespace marquee::base
