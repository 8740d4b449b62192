// What all workers know together of the process's bounds: how many connections
// there are, and whether memory or descriptors are short (design 3, 14). New
// connections are refused or wait; those that are there go on.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/ip.hpp"
#include "base/log.hpp"

namespace marquee::proxy {

// Why a connection was closed as soon as it was accepted: the label of
// marquee_connections_refused_total.
enum class ConnectionRefusal : std::uint8_t { connections, client, memory, count_ };
std::string_view name(ConnectionRefusal r);

// Connections per client network (/32, /64), for Limits::connections_per_client.
// Taken on accept and close only, and only where the limit is set.
class ClientCounts {
 public:
  // False: the client has `limit` connections already.
  bool enter(const base::ClientPrefix& client, std::uint32_t limit);
  void leave(const base::ClientPrefix& client);

 private:
  struct Shard {
    std::mutex lock;
    std::unordered_map<base::ClientPrefix, std::uint32_t> counts;
  };
  Shard& shard(const base::ClientPrefix& c) {
    return shards_[std::hash<base::ClientPrefix>{}(c) % shards_.size()];
  }
  std::array<Shard, 16> shards_;
};

// Short from `limit` bytes on, until an eighth of the limit is free again, or for
// `calm_samples` on end some of it is: at the edge it must not flutter, and what an
// allocator does not give back must not keep everybody out. Pure; one owner.
class MemoryMark {
 public:
  static constexpr unsigned calm_samples = 25;
  // One sample. limit 0: never short. True: short now.
  bool update(std::uint64_t resident, std::uint64_t limit);
  bool is_short() const { return short_; }

 private:
  bool short_ = false;
  unsigned calm_ = 0;  // samples below the limit on end
};

// Descriptors that clients may not use up: each request needs a second one for
// its upstream, and the logs and the admin socket some. A connection whose
// descriptor has this number or a higher one is the last for now (the kernel
// always gives the lowest free number).
int descriptor_mark(std::uint64_t descriptor_limit);

struct SharedCounts {
  // Exact, also when all workers accept at once. False: `limit` are open.
  bool enter(std::uint32_t limit);
  void leave() { connections.fetch_sub(1, std::memory_order_relaxed); }

  ClientCounts clients;
  std::atomic<std::uint32_t> connections{0};
  // Set by the control thread.
  std::atomic<bool> memory_short{false};
  std::atomic<int> descriptor_mark{std::numeric_limits<int>::max()};
  // Listeners that wait for descriptors.
  std::atomic<std::uint32_t> paused_listeners{0};

  // A stranger can cause these lines.
  std::array<base::LogLimit, static_cast<std::size_t>(ConnectionRefusal::count_)> refusal_log;
  base::LogLimit pause_log;
  base::LogLimit forward_log;
};

}  // namespace marquee::proxy
