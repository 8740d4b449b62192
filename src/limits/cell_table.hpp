// Numbers by key for all workers of a process: a fixed piece of memory, no lock
// that a request waits for, no allocation after construction. Any thread.
//
// Sets of seven cells. A key is its 64-bit hash under a secret seed; two keys of a set
// that share the upper 58 bits of it share a number. A cell whose value says that it is
// not in use needs no memory of its own, so a new key takes the one that is idle for
// longest or, where all are live, the one that is least deep: its value above `idle` in
// parts of its own depth, of which the cell keeps the power of two (so that half of it
// or more counts as all). Who owes most of what its limit allows is not pushed out by
// strangers who owe one request of many, whatever the limits' rates; those who owe all
// of theirs, too, are its equals, of which the least value leaves.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace marquee::limits {

class CellTable {
 public:
  struct Cell {
    std::uint64_t id;    // its upper 58 bits, and the depth's power of two; 0: never used
    std::int64_t value;  // kClaimed while it changes hands
  };

  // Uses at most `bytes`, rounded down to a power of two, and at least one set of
  // 128. The memory is touched only
  // as keys come.
  explicit CellTable(std::size_t bytes);

  // Which keys may be pushed out by a new one: the least deep, if its value is at most
  // `spare`; it is counted where the value was above `idle`. `depth`: of the new one,
  // how far its value comes above `idle` at most; 0 for all: the least value leaves.
  struct Room {
    std::int64_t spare;
    std::int64_t idle;
    std::int64_t depth = 0;
  };
  // Of any 64 bits: an id that is not that of a cell that was never used.
  static constexpr std::uint64_t id_of(std::uint64_t hash) { return hash | (kDepthMask + 1); }

  // Changes the number of `id`, which is of id_of(), by `change(old, next) -> bool`. That
  // is called again when another thread was faster; false leaves the number as it
  // is. A key that is not there has the number 0. Null when there was no place, or
  // no end of rivals: nothing was counted.
  template <typename Change>
  Cell* update(std::uint64_t id, Room room, Change change);

  // Takes `amount` off a number that update() has changed, unless another key has
  // its cell by now.
  static void take_back(Cell& cell, std::uint64_t id, std::int64_t amount);

  // The number of `id`; 0 when it is not there.
  std::int64_t read(std::uint64_t id) const;
  // False when it was not there.
  bool erase(std::uint64_t id);

  std::size_t capacity() const { return sets_ * kWays; }
  // Keys that were pushed out and not idle.
  std::uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }

  static constexpr std::int64_t kClaimed = INT64_MIN;

 private:
  static constexpr std::size_t kWays = 7;
  static constexpr int kTries = 1024;
  static constexpr std::uint64_t kDepthMask = 63;
  static bool same(std::uint64_t a, std::uint64_t b) { return (a ^ b) <= kDepthMask; }
  // How deep, from 0 for idle to 2^32.
  static std::int64_t depth_of(std::uint64_t id, std::int64_t value, std::int64_t idle);
  struct alignas(128) Set {
    std::uint32_t inserting;  // 1 while a key is put in
    std::uint32_t unused[3];
    Cell cells[kWays];
  };
  static_assert(sizeof(Set) == 128);

  Set& set_of(std::uint64_t id) const;
  static Cell* find(Set& set, std::uint64_t id);
  Cell* insert(Set& set, std::uint64_t id, Room room);
  Cell* claim(Set& set, std::uint64_t id, Room room);
  static void pause();

  struct Free {
    void operator()(void* memory) const;
  };
  std::size_t sets_;
  std::unique_ptr<void, Free> memory_;
  Set* first_;
  std::atomic<std::uint64_t> evictions_{0};
};

template <typename Change>
CellTable::Cell* CellTable::update(std::uint64_t id, Room room, Change change) {
  Set& set = set_of(id);
  for (int tries = 0; tries < kTries; ++tries) {
    Cell* cell = find(set, id);
    if (!cell) cell = insert(set, id, room);
    if (!cell) return nullptr;
    const std::atomic_ref<std::int64_t> value(cell->value);
    const std::atomic_ref<std::uint64_t> owner(cell->id);
    std::int64_t old = value.load();
    if (old == kClaimed) {  // on its way to another key
      pause();
      continue;
    }
    std::int64_t next = old;
    if (!change(old, next)) {
      if (same(owner.load(), id)) return cell;
      continue;  // it was another key's number
    }
    if (!value.compare_exchange_strong(old, next)) continue;
    // Whoever takes the cell for another key changes the value first and the id
    // then: the id is still ours, so the number was, too.
    if (same(owner.load(), id)) return cell;
    take_back(*cell, 0, next - old);
  }
  return nullptr;
}

}  // namespace marquee::limits
