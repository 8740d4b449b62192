// A bounded queue from one producer thread to one consumer thread, without
// locks. It carries whole buffers (log text), not single records.
#pragma once
#include <atomic>
#include <bit>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace marquee::base {

// T is default-constructible and movable without throwing. A taken slot is reset
// to T{}, so that the queue keeps nothing alive that was consumed.
template <typename T>
class Ring {
 public:
  // Holds at least `capacity` values (rounded up to a power of two).
  explicit Ring(std::size_t capacity)
      : slots_(std::bit_ceil(capacity < 1 ? std::size_t{1} : capacity)), mask_(slots_.size() - 1) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  std::size_t capacity() const { return slots_.size(); }

  // Producer only. False when full; `value` is then untouched.
  bool push(T&& value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ == slots_.size()) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ == slots_.size()) return false;
    }
    slots_[tail & mask_] = std::move(value);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer only.
  std::optional<T> pop() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == seen_tail_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head == seen_tail_) return std::nullopt;
    }
    std::optional<T> value(std::exchange(slots_[head & mask_], T{}));
    head_.store(head + 1, std::memory_order_release);
    return value;
  }

  // Any thread; exact only when neither side is at work.
  std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_acquire) - head;
  }

 private:
  std::vector<T> slots_;
  std::size_t mask_;
  // Each side's own index beside its last sight of the other's, on its own line.
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t seen_head_ = 0;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t seen_tail_ = 0;
};

}  // namespace marquee::base
