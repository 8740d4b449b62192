// Watches memory and descriptors for the workers, who only read a flag.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "app/process_memory.hpp"
#include "app/program.hpp"

namespace marquee::app {
namespace {

// Headroom above the mark is what connections can take in this time.
constexpr std::chrono::milliseconds sample_every{200};
// Control groups change seldom, and reading them costs some files.
constexpr unsigned samples_per_limit = 50;
// The allocator is asked to give memory back: it takes locks of the workers.
constexpr unsigned samples_per_trim = 5;

constexpr std::uint32_t worth_a_trim = 512;  // connections

constexpr std::int64_t mib(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes >> 20); }

}  // namespace

void Program::watch_resources() {
  if (samples_++ % samples_per_limit == 0) memory_available_ = memory_available();
  sample_descriptors();
  sample_memory();
  give_back_after_a_peak();
  sample_timer_.expires_after(sample_every);
  sample_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) watch_resources();
  });
}

// Also while it runs: prlimit(1) may have changed it.
void Program::sample_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  descriptor_limit_ = limit.rlim_cur;
  shared_.descriptor_mark.store(proxy::descriptor_mark(limit.rlim_cur), std::memory_order_relaxed);
}

void Program::sample_memory() {
  resident_ = resident_memory();
  const std::uint64_t most = memory_limit();
  const bool was_short = memory_.is_short();
  const bool is_short = memory_.update(resident_, most);
  shared_.memory_short.store(is_short, std::memory_order_relaxed);
  if (is_short != was_short) {
    samples_short_ = 0;
    logger_.write(is_short ? base::LogLevel::warn : base::LogLevel::info,
                  is_short ? "memory short: new connections are refused"
                           : "memory is enough again: new connections are accepted",
                  {{"resident_mib", mib(resident_)},
                   {"limit_mib", mib(most)},
                   {"connections", shared_.connections.load(std::memory_order_relaxed)}});
  }
  if (!is_short) return;
  on_all_workers([](Node& node) { node.front->shed(); });
  // What was freed counts only when the kernel has it back.
  if (++samples_short_ % samples_per_trim == 0) ::malloc_trim(0);
}

// What many connections held is free once they are gone, but the allocator keeps
// it until it is told.
void Program::give_back_after_a_peak() {
  const std::uint32_t open = shared_.connections.load(std::memory_order_relaxed);
  peak_connections_ = std::max(peak_connections_, open);
  if (peak_connections_ < worth_a_trim || open >= peak_connections_ / 4) return;
  peak_connections_ = open;
  ::malloc_trim(0);
}

std::uint64_t Program::memory_limit() const {
  return memory_mark(snapshot_->settings().limits.memory, memory_available_);
}

admin::OverloadStatus Program::overload_status() const {
  admin::OverloadStatus s;
  s.resident = resident_;
  s.memory_limit = memory_limit();
  s.connection_limit = snapshot_->settings().limits.connections;
  s.descriptor_limit = descriptor_limit_;
  if (shared_.memory_short.load(std::memory_order_relaxed)) s.reasons.emplace_back("memory");
  if (shared_.paused_listeners.load(std::memory_order_relaxed) > 0)
    s.reasons.emplace_back("descriptors");
  if (shared_.connections.load(std::memory_order_relaxed) >= s.connection_limit)
    s.reasons.emplace_back("connections");
  return s;
}

std::string Program::overload() {
  std::string all;
  for (const std::string& reason : overload_status().reasons)
    all += (all.empty() ? "" : ", ") + reason;
  return all;
}

}  // namespace marquee::app
