// One worker's hold on the settings in force. A worker takes a share of a
// snapshot once; its requests count on the worker's own, non-atomic number.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/snapshot.hpp"

namespace marquee::proxy {

struct LocalSnapshot {
  std::shared_ptr<const Snapshot> shared;
  std::vector<std::shared_ptr<UpstreamPool>> pools;  // by index of Settings::upstreams
  std::uint32_t users = 0;
};

class SnapshotSlot {
 public:
  LocalSnapshot& current() { return *slots_.back(); }
  // The settings in force now, for whoever runs under no request.
  const config::Settings& settings() const { return slots_.back()->shared->settings(); }
  // The newest snapshot, counted; give it back with unpin().
  LocalSnapshot* pin() {
    ++slots_.back()->users;
    return slots_.back().get();
  }
  void unpin(LocalSnapshot* pinned) {
    if (--pinned->users == 0 && pinned != slots_.back().get()) drop(pinned);
  }
  void install(std::shared_ptr<const Snapshot> shared,
               std::vector<std::shared_ptr<UpstreamPool>> pools) {
    auto next = std::make_unique<LocalSnapshot>();
    next->shared = std::move(shared);
    next->pools = std::move(pools);
    if (!slots_.empty() && slots_.back()->users == 0) slots_.pop_back();
    slots_.push_back(std::move(next));
  }
  std::size_t alive() const { return slots_.size(); }

 private:
  void drop(LocalSnapshot* dead) {
    std::erase_if(slots_, [dead](const auto& s) { return s.get() == dead; });
  }
  std::vector<std::unique_ptr<LocalSnapshot>> slots_;  // the newest last
};

}  // namespace marquee::proxy
