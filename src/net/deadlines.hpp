// Timeouts of one worker: one ordered list per length, so that arming is a
// splice to the list's end and the next to expire stands at its head. No timer
// object per socket (that costs twice the CPU of a request; measured in 001).
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace marquee::net {

using TimePoint = std::chrono::steady_clock::time_point;
using Ms = std::chrono::milliseconds;

class Deadlines;
class Expiring;

// One running or idle timeout; a member of whoever waits. Unlinks itself.
class Deadline {
 public:
  Deadline() = default;
  ~Deadline() { disarm(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void disarm();
  // What `other` waits for is from now on told to `owner` by this one: the time
  // of one step goes on in the next. `other` is disarmed.
  void take_over(Deadline& other, Expiring& owner);
  bool armed() const { return next_ != nullptr; }

 private:
  friend class Deadlines;
  Deadline* prev_ = nullptr;
  Deadline* next_ = nullptr;
  TimePoint when_{};
  Expiring* owner_ = nullptr;
};

class Expiring {
 public:
  // Called from the worker's turn; `which` is already disarmed.
  virtual void on_deadline(Deadline& which) = 0;

 protected:
  ~Expiring() = default;
};

class Deadlines {
 public:
  // Runs `d` for `length` from `now`; zero disarms. Re-arming is cheap.
  void arm(Deadline& d, Expiring& owner, Ms length, TimePoint now);

  // Calls every owner whose time has come.
  void expire(TimePoint now);

  // The earliest deadline, or TimePoint::max() when none runs. Looks at every
  // list; a turn asks for a bound instead.
  TimePoint next() const;
  // Nothing is due before this. It may be early, when that deadline was
  // disarmed; expire() makes it exact.
  TimePoint soonest() const { return soonest_; }

 private:
  struct List {
    Ms length;
    std::unique_ptr<Deadline> head;  // sentinel: a ring
  };
  Deadline& list_of(Ms length);
  std::vector<List> lists_;  // few distinct lengths: a linear search
  TimePoint soonest_ = TimePoint::max();
};

}  // namespace marquee::net
