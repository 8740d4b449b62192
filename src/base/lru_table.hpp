// Values by key, least recently used out first, within a budget (of bytes, or of
// entries where each counts one). Not thread-safe.
#pragma once
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <unordered_map>
#include <utility>

namespace marquee::base {

template <typename Key, typename Value, typename Hash, typename Equal = std::equal_to<>>
class LruTable {
 public:
  explicit LruTable(std::size_t budget) : budget_(budget) {}

  // nullptr when absent; valid until the next insert or erase.
  template <typename Like>
  Value* find(const Like& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->value;
  }
  // Replaces what is there. The newest value is kept even if it is above the
  // whole budget: who waited for it shall find it.
  void insert(const Key& key, Value value, std::size_t bytes) {
    erase(key);
    order_.push_front({key, std::move(value), bytes});
    by_key_[key] = order_.begin();
    bytes_ += bytes;
    shrink();
  }
  void set_budget(std::size_t budget) {
    budget_ = budget;
    shrink();
  }
  template <typename Like>
  void erase(const Like& key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
  }
  template <typename Test>
  void erase_if(Test test) {
    for (auto at = order_.begin(); at != order_.end();) {
      const auto next = std::next(at);
      if (test(at->key, at->value)) drop(at);
      at = next;
    }
  }
  // Values from the most recently used on, until `each` returns false.
  template <typename Each>
  void for_each(Each each) const {
    for (const Entry& entry : order_)
      if (!each(entry.key, entry.value)) return;
  }
  std::size_t budget() const { return budget_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return by_key_.size(); }

 private:
  struct Entry {
    Key key;
    Value value;
    std::size_t bytes;
  };
  using Position = typename std::list<Entry>::iterator;
  void shrink() {
    while (bytes_ > budget_ && size() > 1) drop(std::prev(order_.end()));
  }
  void drop(Position at) {
    bytes_ -= at->bytes;
    by_key_.erase(by_key_.find(at->key));
    order_.erase(at);
  }
  std::list<Entry> order_;  // most recently used first
  std::unordered_map<Key, Position, Hash, Equal> by_key_;
  std::size_t budget_;
  std::size_t bytes_ = 0;
};

}  // namespace marquee::base
