#include "routing/directory_watch.hpp"

#include <algorithm>

namespace marquee::routing {

void DirectoryWatch::on_changes(std::span<const Change> changes, std::uint64_t generation) {
  {
    const std::lock_guard one(telling_);
    filter_.on_changes(changes);
    cache_.on_changes(changes);
    if (other_) other_(changes);
  }
  const std::lock_guard hold(mutex_);
  state_.changes += changes.size();
  told_ = std::max(told_, generation);
  state_.generation = std::max(state_.generation, generation);
}

void DirectoryWatch::on_feed(const Feed& feed) {
  filter_.on_feed(feed.live);
  const std::lock_guard hold(mutex_);
  state_.feed = feed;
}

DirectoryWatch::State DirectoryWatch::state() const {
  const std::lock_guard hold(mutex_);
  return state_;
}

void DirectoryWatch::tick(CacheTime now, std::chrono::milliseconds check_interval) {
  if (now >= next_build_ && filter_.wants_build()) {
    next_build_ = now + kBuildRetry;
    if (const auto build = filter_.begin()) next_page(build, {});
  }
  {
    // What is ahead is looked at again soon, as the feed may only be on its way.
    const std::lock_guard hold(mutex_);
    if (soon_) next_check_ = std::min(next_check_, now + kRecheck);
    soon_ = false;
    if (now < next_check_) return;
    next_check_ = now + check_interval;
  }
  directory_.generation([this](std::optional<std::uint64_t> generation, std::uint64_t lineage) {
    if (generation) return on_generation(*generation, lineage);
    const std::lock_guard hold(mutex_);
    state_.reachable = false;
  });
}

void DirectoryWatch::on_generation(std::uint64_t generation, std::uint64_t lineage) {
  {
    const std::lock_guard hold(mutex_);
    state_.reachable = true;
    const bool first = lineage_ == 0 && told_ == 0;
    const bool moved = lineage_ != 0 && lineage != lineage_;
    lineage_ = lineage;
    if (moved) told_ = state_.generation = 0;
    const bool lost = !first && (moved || (ahead_ != 0 && told_ < ahead_));
    ahead_ = generation > told_ ? generation : 0;
    if (first || lost) {
      told_ = std::max(told_, generation);
      ahead_ = 0;
    }
    soon_ = ahead_ != 0;
    state_.generation = std::max(state_.generation, generation);
    if (!lost) return;
    ++state_.missed;
  }
  const Change everything{};
  const std::lock_guard one(telling_);
  filter_.on_changes({&everything, 1});
  cache_.on_changes({&everything, 1});
  if (other_) other_({&everything, 1});
}

void DirectoryWatch::next_page(MembershipFilter::Build build, const std::string& cursor) {
  directory_.list_names(cursor, kPage, [this, build](const NamePage& page) {
    if (!page.ok) return filter_.abandon(build);
    filter_.add(build, page.names);
    if (page.next.empty())
      filter_.complete(build);
    else
      next_page(build, page.next);
  });
}

}  // namespace marquee::routing
