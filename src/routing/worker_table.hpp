// A worker's own table of hot names: the first step of the ladder. A look-up is a
// hash, a probe and one load of the process's epoch: no lock, no shared count.
//
// Lives on one worker's thread. What a request uses it holds by the entry's own,
// non-atomic count; an entry that is replaced or pushed out meanwhile lives on
// until the last of its users lets go. Bounded by entries; of those not looked up
// since the hand last passed, one leaves for each that comes (CLOCK).
#pragma once
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "routing/lookup_cache.hpp"

namespace marquee::routing {

template <typename Payload>
class WorkerTable {
 public:
  struct Entry {
    std::string name;
    Answer answer;
    Payload payload;
    CacheTime check_at{};  // then the process's cache is asked again
    Epoch checked = 0;     // nothing up to this epoch touched the answer
    std::size_t hash = 0;
    std::size_t at = 0;  // its place in the table's list
    std::uint32_t users = 0;
    bool used = true;      // since the hand last passed
    bool retired = false;  // no longer in the table
  };

  explicit WorkerTable(std::size_t most) { resize(most); }

  // Null: not known here, or not to be trusted any more. Valid until the next call
  // that is not find(), unless held.
  Entry* find(std::string_view name, CacheTime now, const ChangeStamps& stamps) {
    const std::size_t hash = base::TextHash{}(name);
    for (std::size_t i = hash & mask_; slots_[i].entry; i = (i + 1) & mask_) {
      if (slots_[i].hash != hash || slots_[i].entry->name != name) continue;
      Entry& entry = *slots_[i].entry;
      if (now >= entry.check_at || !still_valid(entry, stamps)) return nullptr;
      entry.used = true;
      return &entry;
    }
    return nullptr;
  }

  Entry& insert(std::string_view name, Answer answer, Payload payload, CacheTime check_at) {
    erase(name);
    if (entries_.size() >= most_) evict();
    auto entry = std::make_unique<Entry>();
    entry->name = name;
    entry->checked = answer->epoch;
    entry->answer = std::move(answer);
    entry->payload = std::move(payload);
    entry->check_at = check_at;
    entry->hash = base::TextHash{}(name);
    entry->at = entries_.size();
    place(entry.get());
    entries_.push_back(std::move(entry));
    return *entries_.back();
  }
  // The entry of this name even if find() no longer gives it: to be renewed where
  // the process's cache says that the answer is still the same.
  Entry* known(std::string_view name) {
    const std::size_t at = slot_of(name);
    return at == npos ? nullptr : slots_[at].entry;
  }
  void erase(std::string_view name) {
    const std::size_t at = slot_of(name);
    if (at != npos) drop(slots_[at].entry);
  }
  // Everything leaves: the settings changed.
  void clear() {
    while (!entries_.empty()) drop(entries_.back().get());
  }
  void resize(std::size_t most) {
    clear();
    most_ = most < 1 ? 1 : most;
    slots_.assign(std::bit_ceil(most_ * 2), {});
    mask_ = slots_.size() - 1;
    hand_ = 0;
  }

  void hold(Entry& entry) { ++entry.users; }
  void release(Entry& entry) {
    if (--entry.users > 0 || !entry.retired) return;
    std::erase_if(retired_, [&](const auto& e) { return e.get() == &entry; });
  }

  std::size_t size() const { return entries_.size(); }
  std::size_t retired() const { return retired_.size(); }

 private:
  static constexpr std::size_t npos = ~std::size_t{0};
  struct Slot {
    std::size_t hash = 0;
    Entry* entry = nullptr;
  };

  bool still_valid(Entry& entry, const ChangeStamps& stamps) {
    const Epoch now = stamps.now();
    if (entry.checked >= now) return true;
    const Epoch since = std::max(entry.checked, entry.answer->confirmed.get());
    if (stamps.validity(entry.answer->dependencies, since) != ChangeStamps::Validity::valid)
      return false;
    entry.checked = now;
    return true;
  }
  std::size_t slot_of(std::string_view name) const {
    const std::size_t hash = base::TextHash{}(name);
    for (std::size_t i = hash & mask_; slots_[i].entry; i = (i + 1) & mask_)
      if (slots_[i].hash == hash && slots_[i].entry->name == name) return i;
    return npos;
  }
  void place(Entry* entry) {
    std::size_t i = entry->hash & mask_;
    while (slots_[i].entry) i = (i + 1) & mask_;
    slots_[i] = {entry->hash, entry};
  }
  // Linear probing without gravestones: what stands behind moves up.
  void unplace(const Entry* entry) {
    std::size_t hole = slot_of(entry->name);
    for (std::size_t i = (hole + 1) & mask_; slots_[i].entry; i = (i + 1) & mask_) {
      const std::size_t home = slots_[i].hash & mask_;
      if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
  }
  void drop(Entry* entry) {
    unplace(entry);
    std::swap(entries_[entry->at], entries_.back());
    entries_[entry->at]->at = entry->at;
    if (entry->users > 0) {
      entry->retired = true;
      retired_.push_back(std::move(entries_.back()));
    }
    entries_.pop_back();
  }
  void evict() {
    for (;; ++hand_) {
      if (hand_ >= entries_.size()) hand_ = 0;
      Entry& entry = *entries_[hand_];
      if (entry.used) {
        entry.used = false;
        continue;
      }
      return drop(&entry);
    }
  }

  std::size_t most_ = 1;
  std::size_t mask_ = 0;
  std::size_t hand_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> retired_;  // few
};

}  // namespace marquee::routing
