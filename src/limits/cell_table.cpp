#include "limits/cell_table.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace marquee::limits {

void CellTable::Free::operator()(void* memory) const { std::free(memory); }

// calloc: pages that no key has come to are not there yet.
CellTable::CellTable(std::size_t bytes)
    : sets_(std::bit_floor(std::max<std::size_t>(bytes / sizeof(Set), 1))),
      memory_(std::calloc(sets_ + 1, sizeof(Set))) {
  if (!memory_) throw std::bad_alloc();
  void* at = memory_.get();
  std::size_t room = (sets_ + 1) * sizeof(Set);  // one more than is used: never null
  first_ = static_cast<Set*>(std::align(alignof(Set), sets_ * sizeof(Set), at, room));
}

void CellTable::pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

CellTable::Set& CellTable::set_of(std::uint64_t id) const {
  return first_[(id ^ id >> 32) & (sets_ - 1)];
}

CellTable::Cell* CellTable::find(Set& set, std::uint64_t id) {
  for (Cell& cell : set.cells)
    if (same(std::atomic_ref<std::uint64_t>(cell.id).load(std::memory_order_acquire), id))
      return &cell;
  return nullptr;
}

std::int64_t CellTable::depth_of(std::uint64_t id, std::int64_t value, std::int64_t idle) {
  if (value <= idle) return 0;
  const auto power = static_cast<int>(id & kDepthMask);
  const std::uint64_t most = std::uint64_t{1} << power;
  const std::uint64_t above = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(idle);
  const std::uint64_t part = std::min(above, most);
  return static_cast<std::int64_t>(power >= 32 ? part >> (power - 32) : part << (32 - power));
}

// One key at a time, so that none gets two cells. Whoever waits for too long (its
// rival was put to sleep by the kernel) goes on without: then a key may have two
// cells for a moment, of which the first counts.
CellTable::Cell* CellTable::insert(Set& set, std::uint64_t id, Room room) {
  const std::atomic_ref<std::uint32_t> gate(set.inserting);
  bool mine = false;
  for (int tries = 0; !mine && tries < kTries; ++tries) {
    mine = gate.exchange(1) == 0;
    if (!mine) pause();
  }
  Cell* cell = find(set, id);
  if (!cell) cell = claim(set, id, room);
  if (mine) gate.store(0);
  return cell;
}

CellTable::Cell* CellTable::claim(Set& set, std::uint64_t id, Room room) {
  for (int tries = 0; tries < kTries; ++tries) {
    Cell* least = nullptr;
    std::int64_t value = 0;
    std::int64_t depth = 0;
    for (Cell& cell : set.cells) {
      const std::int64_t seen = std::atomic_ref<std::int64_t>(cell.value).load();
      if (seen == kClaimed) continue;
      const std::int64_t its =
          depth_of(std::atomic_ref<std::uint64_t>(cell.id).load(), seen, room.idle);
      if (least && std::pair(its, seen) >= std::pair(depth, value)) continue;
      least = &cell;
      value = seen;
      depth = its;
    }
    if (!least || value > room.spare) return nullptr;
    const std::atomic_ref<std::int64_t> number(least->value);
    if (!number.compare_exchange_strong(value, kClaimed)) continue;
    const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(room.depth, 1));
    const auto power = static_cast<unsigned>(std::bit_width(most)) - 1;
    std::atomic_ref<std::uint64_t>(least->id).store((id & ~kDepthMask) | power);
    number.store(0);
    if (value > room.idle) evictions_.fetch_add(1, std::memory_order_relaxed);
    return least;
  }
  return nullptr;
}

void CellTable::take_back(Cell& cell, std::uint64_t id, std::int64_t amount) {
  const std::atomic_ref<std::int64_t> value(cell.value);
  std::int64_t old = value.load();
  while (old != kClaimed && (id == 0 || same(std::atomic_ref<std::uint64_t>(cell.id).load(), id)) &&
         !value.compare_exchange_weak(old, std::max<std::int64_t>(old - amount, 0))) {
  }
}

std::int64_t CellTable::read(std::uint64_t id) const {
  const Cell* cell = find(set_of(id), id);
  if (!cell) return 0;
  const std::int64_t value =
      std::atomic_ref<std::int64_t>(const_cast<std::int64_t&>(cell->value)).load();
  return value == kClaimed ? 0 : value;
}

bool CellTable::erase(std::uint64_t id) {
  Cell* cell = find(set_of(id), id);
  if (!cell) return false;
  const std::atomic_ref<std::int64_t> value(cell->value);
  std::int64_t old = value.load();
  while (old != kClaimed && !value.compare_exchange_weak(old, 0)) {
  }
  return true;
}

}  // namespace marquee::limits
