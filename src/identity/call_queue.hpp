// What waits to be recorded, between the workers and the book: bounded, in batches, the
// oldest calls going first where there are too many. Pure: no thread, no clock.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "identity/call_book.hpp"

namespace marquee::identity {

// What a worker hands over.
struct CallBundle {
  std::vector<ApiCall> calls;
  std::vector<Use> uses;
  std::uint64_t dropped_calls = 0;  // since the last one, for want of room
  std::uint64_t dropped_uses = 0;   // calls that no counter has
};

class CallQueue {
 public:
  struct Limits {
    std::size_t calls = 8192;
    std::size_t ids = 16384;
  };
  CallQueue() : CallQueue(Limits{}) {}
  explicit CallQueue(const Limits& limits) : most_(limits.calls), uses_(limits.ids) {}

  void add(CallBundle bundle);
  bool empty() const { return calls_.empty() && uses_.empty(); }
  // The oldest that a batch can hold, which then wait no more.
  CallBatch take();
  // It was not written: it waits again, before all others.
  void give_back(CallBatch batch);
  // It never will be: its calls go, uncounted here. Its uses are tried once more, alone.
  void forget(CallBatch batch);

  std::size_t waiting() const { return calls_.size(); }
  std::uint64_t dropped_calls() const { return dropped_calls_; }
  std::uint64_t dropped_uses() const { return dropped_uses_; }

 private:
  void keep(const std::vector<Use>& uses);
  void make_room();

  const std::size_t most_;
  std::deque<ApiCall> calls_;
  UseCounts uses_;
  bool uses_alone_ = false;
  std::uint64_t dropped_calls_ = 0;
  std::uint64_t dropped_uses_ = 0;
};

}  // namespace marquee::identity
