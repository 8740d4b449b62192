// Who is refused most: the space-saving sketch (Metwally, Agrawal, Abbadi 2005) of
// one worker. It holds kPlaces names; a new one takes the place and the count of
// the least. So a name's count is at most too high by the least one, and whoever
// makes up more than 1/kPlaces of all refusals is in it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::limits {

class TopRefused {
 public:
  static constexpr std::size_t kPlaces = 64;
  struct Place {
    std::string rule;
    std::string tenant;
    std::uint64_t count = 0;
  };

  // By the worker. Never waits: while somebody reads, it is not counted.
  void add(std::string_view rule, std::string_view tenant) {
    const std::unique_lock lock(lock_, std::try_to_lock);
    if (!lock) return;
    Place* least = nullptr;
    for (Place& place : places_) {
      if (place.tenant == tenant && place.rule == rule) {
        ++place.count;
        return;
      }
      if (!least || place.count < least->count) least = &place;
    }
    if (places_.size() < kPlaces) {
      places_.push_back({std::string(rule), std::string(tenant), 1});
      return;
    }
    least->rule = rule;
    least->tenant = tenant;
    ++least->count;
  }

  // By any thread: adds its places to `sums`.
  void add_to(std::vector<Place>& sums) const {
    const std::lock_guard lock(lock_);
    for (const Place& place : places_) {
      const auto same = std::find_if(sums.begin(), sums.end(), [&](const Place& s) {
        return s.tenant == place.tenant && s.rule == place.rule;
      });
      if (same != sums.end())
        same->count += place.count;
      else
        sums.push_back(place);
    }
  }

  // The greatest `most`, greatest first.
  static void cut(std::vector<Place>& sums, std::size_t most) {
    std::sort(sums.begin(), sums.end(),
              [](const Place& a, const Place& b) { return a.count > b.count; });
    if (sums.size() > most) sums.resize(most);
  }

 private:
  mutable std::mutex lock_;
  std::vector<Place> places_;
};

}  // namespace marquee::limits
