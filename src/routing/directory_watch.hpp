// Keeps what is derived from the directory in step with it: takes its change feed
// to the look-up cache and the membership filter, builds the filter in the
// background, and compares generations in case the feed lost something. No thread
// and no timer of its own: whoever owns it calls tick().
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>

#include "routing/lookup_cache.hpp"
#include "routing/membership_filter.hpp"

namespace marquee::routing {

class DirectoryWatch final : public ChangeListener {
 public:
  // All three outlive it. The directory is subscribed to by start() and left by
  // stop(), which must come before the destructor; answers of the directory that
  // come after stop() are waited for by the directory's destructor, not here, so
  // that it has to be destroyed first.
  DirectoryWatch(DomainDirectory& directory, LookupCache& cache, MembershipFilter& filter)
      : directory_(directory), cache_(cache), filter_(filter) {}

  // Told what this is told, after the cache was; outlives it. Before start().
  void tell_too(std::function<void(std::span<const Change>)> other) { other_ = std::move(other); }
  void start() { directory_.subscribe(this); }
  void stop() { directory_.subscribe(nullptr); }

  // To be called about once a second, by one thread.
  void tick(CacheTime now, std::chrono::milliseconds check_interval);

  struct State {
    Feed feed;
    std::uint64_t generation = 0;  // told by the feed, or found
    std::uint64_t changes = 0;     // told since the start
    std::uint64_t missed = 0;      // times that the feed had lost something
    bool reachable = false;        // the last check was answered
  };
  State state() const;

  void on_changes(std::span<const Change> changes, std::uint64_t generation) override;
  void on_feed(const Feed& feed) override;

  static constexpr std::uint32_t kPage = 10'000;  // names
  static constexpr std::chrono::seconds kBuildRetry{30};
  static constexpr std::chrono::seconds kRecheck{5};

 private:
  void next_page(MembershipFilter::Build build, const std::string& cursor);
  void on_generation(std::uint64_t generation, std::uint64_t lineage);

  DomainDirectory& directory_;
  LookupCache& cache_;
  MembershipFilter& filter_;
  std::function<void(std::span<const Change>)> other_;
  mutable std::mutex mutex_;
  std::mutex telling_;  // one change at a time: the feed's, or one of our own
  State state_;
  std::uint64_t told_ = 0;     // by the feed
  std::uint64_t lineage_ = 0;  // 0: not known yet
  // Found ahead of the feed at the last check: at the next one it must have told.
  std::uint64_t ahead_ = 0;
  bool soon_ = false;
  CacheTime next_check_{};
  CacheTime next_build_{};
};

}  // namespace marquee::routing
