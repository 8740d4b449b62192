// What a worker lends to everything that runs on it, and the rules of its turn:
// run what is ready, then what was put off, then destroy the dead.
//
// No codec is entered twice: an action that would re-enter one is put off with
// run_later(). Nothing is destroyed on the stack that reported it: retire()
// keeps it until the turn ends. A Turn holds no descriptor, so tests drive
// drivers with one and no worker.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "net/buffer_pool.hpp"
#include "net/deadlines.hpp"

namespace marquee::net {

// Something that lives on a worker and may be put off or retired.
class Resident {
 public:
  virtual ~Resident() = default;
  // Called once for each run_later(), in the same turn.
  virtual void run() {}
  bool retired() const { return retired_; }

 private:
  friend class Turn;
  bool queued_ = false;
  bool retired_ = false;
};

class Turn {
 public:
  TimePoint now() const { return now_; }
  std::int64_t wall_ms() const { return wall_ms_; }  // Unix time, milliseconds
  void set_time(TimePoint now, std::int64_t wall_ms) {
    now_ = now;
    wall_ms_ = wall_ms;
  }

  BufferPool& buffers() { return buffers_; }
  Deadlines& deadlines() { return deadlines_; }
  const Deadlines& deadlines() const { return deadlines_; }

  void run_later(Resident& r);
  // The owner gives `r` up; it is destroyed when the turn ends.
  void retire(std::unique_ptr<Resident> r);

  // Runs what was put off (including what that puts off), then destroys the
  // retired. At most `bound` residents run, the rest wait for the next turn:
  // returns whether some do.
  bool finish(std::size_t bound = 4096);

 private:
  TimePoint now_{};
  std::int64_t wall_ms_ = 0;
  BufferPool buffers_;
  Deadlines deadlines_;
  std::vector<Resident*> later_;
  std::vector<Resident*> running_;
  std::vector<std::unique_ptr<Resident>> retired_;
};

}  // namespace marquee::net
