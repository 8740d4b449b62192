// Writes the domains in use into the snapshot file, now and then and at a clean stop,
// and gives them back at a start (store/snapshot_file.hpp has the file). Lives on the
// control thread; certificates() is for any.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "config/settings.hpp"
#include "routing/lookup_cache.hpp"
#include "store/snapshot_file.hpp"
#include "tls/certificate_cache.hpp"

namespace marquee::app {

class DirectorySnapshot {
 public:
  using Run = std::function<void(std::function<void()>)>;
  struct Parts {
    routing::DomainDirectory& directory;
    routing::LookupCache& cache;
    base::Logger& logger;
    Run blocking;  // runs a job where it may block
    Run control;   // runs a job on the control thread, later
  };
  // All of `parts` outlives it, and what it runs outlives no job: jobs that come later
  // do nothing.
  DirectorySnapshot(Parts parts, const config::Settings& settings, std::string sites_base);
  ~DirectorySnapshot() { end(); }

  // Puts what the file holds into the cache. Blocks, once, at the start.
  void load();
  // About once a second.
  void tick(routing::CacheTime now);
  // Writes what is at hand, at a clean stop. Blocks.
  void save();
  // The directory is about to end: nothing is asked of it any more.
  void end();

  // Fetches from the directory, and from the file where that does not answer.
  tls::CertificateCache::Fetch certificates();

  // Names of the file as it was loaded, the most used first.
  const std::vector<base::Hostname>& hosts() const { return hosts_; }

  struct State {
    std::string file;                        // empty: switched off
    std::size_t loaded = 0;                  // domains, at the start
    std::int64_t loaded_written = 0;         // Unix seconds: when those were written
    store::SnapshotFile::Refusal refused{};  // at the start
    std::int64_t written = 0;                // Unix seconds, by this process; 0: not yet
    std::size_t domains = 0, certificates = 0, bytes = 0;  // of that
    std::uint64_t writes = 0, failures = 0;
    std::uint64_t certificates_served = 0;  // from the file, as the directory was down
  };
  State state() const;

 private:
  struct Shared;
  struct Round;
  void begin_write();
  static std::vector<routing::SnapshotDomain> collect(const Parts& parts, std::uint32_t most,
                                                      std::chrono::milliseconds max_stale);
  static void fetch(const std::shared_ptr<Round>& round);
  static void write(const std::shared_ptr<Shared>& shared,
                    const std::vector<routing::SnapshotDomain>& domains, base::Logger& logger);

  Parts parts_;
  const config::DirectorySnapshot settings_;
  const std::chrono::milliseconds max_stale_;
  const std::shared_ptr<Shared> shared_;
  std::vector<base::Hostname> hosts_;
  std::string sites_base_;
  routing::CacheTime next_{};
  std::size_t signature_ = 0;  // of what was written last
};

}  // namespace marquee::app
