// Of a number of places that all clients share, so many for each client network (/24
// or /64), so that one cannot take them all. One worker's; nothing is locked.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace marquee::proxy {

class Exchange;

class ClientShare {
 public:
  // A quarter of the places, and one at least.
  static constexpr std::size_t part = 4;

  // False: there is none for this network, of `most` in all.
  bool take(std::uint64_t network, std::size_t most) {
    if (all_ >= most) return false;
    const auto held = held_.find(network);
    if (held != held_.end() && held->second >= std::max<std::size_t>(1, most / part)) return false;
    ++held_[network];
    ++all_;
    return true;
  }
  // What was taken.
  void give_back(std::uint64_t network) {
    const auto held = held_.find(network);
    if (held == held_.end()) return;
    --all_;
    if (--held->second == 0) held_.erase(held);
  }
  std::size_t taken() const { return all_; }

 private:
  std::size_t all_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> held_;  // never more than taken()
};

// The client's, also behind a trusted proxy; 0: not known.
std::uint64_t network_of(const Exchange& exchange);

}  // namespace marquee::proxy
