// The counters of one process: GCRA states and requests in flight, exact over all
// workers. Any thread; see cell_table.hpp for what it never does.
#pragma once
#include <cstdint>

#include "limits/cell_table.hpp"
#include "limits/rule.hpp"

namespace marquee::limits {

class LocalStore {
 public:
  // A quarter of `bytes` is for requests in flight.
  LocalStore(std::size_t bytes, HashSeed seed);

  // Decides all charges of a rate, at one instant: if a rule refuses that is not a
  // shadow, none is charged. Fills in their decisions. `parts`: each limit counts as
  // that part of itself (of a fleet that cannot ask its common store).
  Verdict decide(Question& question, Ticks now, std::uint32_t parts = 1);

  // What a key's state is, without a charge.
  Decision look(const Limit& limit, std::string_view key, Ticks now) const;
  // Forgets it. False when it was not there.
  bool reset(std::string_view key);

  // A request in flight under a rule; give it back with leave(). Empty: no place to
  // count it.
  struct Seat {
    CellTable::Cell* cell = nullptr;
  };
  // False when the rule's number is in flight already.
  bool enter(const Rule& rule, std::string_view key, Seat& seat);
  void leave(Seat seat);
  std::int64_t in_flight(std::string_view key) const { return seats_.read(id_of(key)); }

  std::size_t capacity() const { return states_.capacity(); }
  std::uint64_t evictions() const { return states_.evictions(); }

 private:
  std::uint64_t id_of(std::string_view key) const;
  // Charges one key; its decision. `cell`: what was charged, if anything.
  Decision charge(std::uint64_t id, const Limit& limit, std::uint32_t cost, Ticks now,
                  CellTable::Cell*& cell);

  HashSeed seed_;
  CellTable states_;
  CellTable seats_;
};

}  // namespace marquee::limits
