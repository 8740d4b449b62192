// How a multiplexed connection's streams are shared between tenants: one may
// hold a part of them, so that its slow answers leave room for the others. Pure.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace marquee::proxy {

// The part of `limit` streams that one tenant may hold: rounded down, but one.
constexpr std::uint32_t tenant_quota(std::uint32_t limit, std::uint32_t percent) {
  if (limit == 0) return 0;
  const std::uint64_t part = std::uint64_t{limit} * std::min(percent, 100u) / 100;
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(part));
}

class StreamShare {
 public:
  bool room(std::uint64_t tenant, std::uint32_t limit, std::uint32_t percent) const {
    return total_ < limit && of(tenant) < tenant_quota(limit, percent);
  }
  void enter(std::uint64_t tenant);
  void leave(std::uint64_t tenant);
  std::uint32_t total() const { return total_; }
  std::uint32_t of(std::uint64_t tenant) const;

 private:
  struct Held {
    std::uint64_t tenant;
    std::uint32_t streams;
  };
  std::vector<Held> held_;  // those that hold some: at most as many as streams
  std::uint32_t total_ = 0;
};

}  // namespace marquee::proxy
