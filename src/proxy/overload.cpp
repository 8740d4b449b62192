#include "proxy/overload.hpp"

#include <algorithm>

namespace marquee::proxy {

std::string_view name(ConnectionRefusal r) {
  switch (r) {
    case ConnectionRefusal::connections:
      return "connections";
    case ConnectionRefusal::client:
      return "connections_per_client";
    case ConnectionRefusal::memory:
      return "memory";
    case ConnectionRefusal::count_:
      break;
  }
  return "";
}

bool ClientCounts::enter(const base::ClientPrefix& client, std::uint32_t limit) {
  Shard& s = shard(client);
  const std::lock_guard hold(s.lock);
  const auto it = s.counts.try_emplace(client, 0).first;
  if (it->second >= limit) return false;
  ++it->second;
  return true;
}

void ClientCounts::leave(const base::ClientPrefix& client) {
  Shard& s = shard(client);
  const std::lock_guard hold(s.lock);
  const auto it = s.counts.find(client);
  if (it != s.counts.end() && --it->second == 0) s.counts.erase(it);
}

bool MemoryMark::update(std::uint64_t resident, std::uint64_t limit) {
  calm_ = limit == 0 || resident < limit ? calm_ + 1 : 0;
  if (calm_ == 0)
    short_ = true;
  else if (limit == 0 || resident < limit - limit / 8 || calm_ >= calm_samples)
    short_ = false;
  return short_;
}

int descriptor_mark(std::uint64_t descriptor_limit) {
  const std::uint64_t most = std::min<std::uint64_t>(descriptor_limit, 1u << 30);
  const std::uint64_t reserve = std::clamp<std::uint64_t>(most / 8, 8, 8192);
  return static_cast<int>(most > reserve ? most - reserve : 1);
}

bool SharedCounts::enter(std::uint32_t limit) {
  std::uint32_t open = connections.load(std::memory_order_relaxed);
  while (open < limit)
    if (connections.compare_exchange_weak(open, open + 1, std::memory_order_relaxed)) return true;
  return false;
}

}  // namespace marquee::proxy
