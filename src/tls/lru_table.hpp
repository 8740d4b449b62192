// Values by digest, least recently used out first, within a budget of bytes.
// Not thread-safe.
#pragma once
#include <cstddef>
#include <cstring>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

#include "tls/digest.hpp"

namespace marquee::tls {

struct DigestHash {
  // A digest is random already.
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t value;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

template <typename Value>
class LruTable {
 public:
  explicit LruTable(std::size_t budget) : budget_(budget) {}

  // nullptr when absent; valid until the next insert or erase.
  Value* find(const Digest& id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->value;
  }
  // Replaces what is there. The newest value is kept even if it is above the
  // whole budget: who waited for it shall find it.
  void insert(const Digest& id, Value value, std::size_t bytes) {
    erase(id);
    order_.push_front({id, std::move(value), bytes});
    by_id_[id] = order_.begin();
    bytes_ += bytes;
    while (bytes_ > budget_ && size() > 1) drop(std::prev(order_.end()));
  }
  void erase(const Digest& id) {
    if (const auto found = by_id_.find(id); found != by_id_.end()) drop(found->second);
  }
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return by_id_.size(); }

 private:
  struct Entry {
    Digest id;
    Value value;
    std::size_t bytes;
  };
  using Position = typename std::list<Entry>::iterator;
  void drop(Position at) {
    bytes_ -= at->bytes;
    by_id_.erase(at->id);
    order_.erase(at);
  }
  std::list<Entry> order_;  // most recently used first
  std::unordered_map<Digest, Position, DigestHash> by_id_;
  std::size_t budget_;
  std::size_t bytes_ = 0;
};

}  // namespace marquee::tls
