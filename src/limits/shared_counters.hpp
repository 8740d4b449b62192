// The store that all nodes count in, as one worker sees it.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "limits/rule.hpp"

namespace marquee::limits {

class SharedCounters {
 public:
  class Waiter {
   public:
    // `counted`: the decisions of the question are filled in, save those that its
    // `uncounted` names. Else the store did not answer in time or not sensibly, and
    // whether it counted is not known.
    virtual void on_counted(std::uint64_t tag, bool counted) = 0;

   protected:
    ~Waiter() = default;
  };
  using Ticket = std::uint64_t;  // 0: none

  virtual ~SharedCounters() = default;

  // Decides all charges of `question` at one instant, atomically, by the store's
  // clock: if a rule refuses that is not a shadow, none is charged. (In a Redis
  // Cluster: those of one slot, each slot by itself.) The waiter is
  // told once, on this worker, from the top of its event loop, never from inside
  // ask(); `question` is left alone and stays where it is until then. 0 when the
  // store is known not to answer: nobody will be told.
  virtual Ticket ask(Question& question, Waiter& waiter, std::uint64_t tag) = 0;
  // With leases: decides at once by what was borrowed (leases.hpp), and fills in the
  // decisions, save those that `uncounted` names. Nothing when the store is known not
  // to answer, or counts exactly: then ask().
  virtual std::optional<Verdict> decide_now(Question& question) = 0;
  virtual bool leased() const = 0;
  // Its waiter is not told any more, and its question not looked at.
  virtual void cancel(Ticket ticket) = 0;
  // What this worker holds of a key ahead of the store: nothing without leases. For
  // whoever looks at a counter; `key` as in the question.
  struct Held {
    std::int64_t units = 0;  // borrowed, not used
    std::int64_t owed = 0;   // used, not charged yet
  };
  virtual Held held(std::string_view) { return {}; }
  virtual void let_go(std::string_view) {}
  // How many nodes share the limits; at least 1. As of the last answer.
  virtual std::uint32_t nodes() const = 0;
};

}  // namespace marquee::limits
