// Is somebody slower than the floor? Bytes over a sliding window, looked at four
// times in its length, so that what came in a burst is forgotten in time: a
// stall is noticed within one and a quarter windows. Pure.
#pragma once
#include <array>
#include <cstdint>

#include "config/settings.hpp"

namespace marquee::proxy {

class FloorWindow {
 public:
  static constexpr unsigned parts = 4;
  // The time between two calls of below().
  static config::Ms part(const config::Timeouts& t) { return t.body / parts; }

  bool running() const { return running_; }
  void stop() { running_ = false; }
  // `moved`: bytes so far, by any count that grows.
  void begin(std::int64_t moved) {
    running_ = true;
    passed_ = 0;
    marks_[0] = moved;
  }
  // True: a whole window has passed, and fewer than `need` bytes moved in it.
  bool below(std::int64_t moved, std::uint64_t need) {
    std::int64_t& oldest = marks_[++passed_ % parts];
    if (passed_ >= parts && moved - oldest < static_cast<std::int64_t>(need)) return true;
    oldest = moved;
    return false;
  }

 private:
  std::array<std::int64_t, parts> marks_{};
  std::uint32_t passed_ = 0;
  bool running_ = false;
};

// The same for a connection of many streams, whose bytes are never all told: who
// has taken what was written when the window began is not slow, however little
// that was.
class ReaderWindow {
 public:
  void stop() { window_.stop(); }
  // `written`: bytes so far; `untaken` of them wait for the client, more than 0.
  bool too_slow(std::int64_t written, std::int64_t untaken, std::uint64_t need) {
    const std::int64_t taken = written - untaken;
    if (window_.running() && taken < goal_) return window_.below(taken, need);
    goal_ = written;
    window_.begin(taken);
    return false;
  }

 private:
  FloorWindow window_;
  std::int64_t goal_ = 0;
};

}  // namespace marquee::proxy
