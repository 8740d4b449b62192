#include "identity/rotation.hpp"

#include <algorithm>

namespace marquee::identity {

std::int64_t overlap_of(std::int64_t rotation) {
  return std::max<std::int64_t>(1, std::min<std::int64_t>(3'600, rotation / 4));
}

std::int64_t max_age_of(const RotationRules& rules) {
  return std::min<std::int64_t>(300, rules.overlap / 2);
}

RotationPlan plan_rotation(std::span<const KeyTimes> keys, std::int64_t now,
                           const RotationRules& rules) {
  RotationPlan out;
  if (keys.empty()) {
    out.next_signs_from = now;
    return out;
  }
  std::vector<KeyTimes> order(keys.begin(), keys.end());
  std::sort(order.begin(), order.end(), [](const KeyTimes& a, const KeyTimes& b) {
    return a.signs_from != b.signs_from ? a.signs_from < b.signs_from : a.generation < b.generation;
  });
  for (std::size_t i = 0; i + 1 < order.size(); ++i)
    if (order[i + 1].signs_from + rules.overlap + rules.lifetime <= now)
      out.gone.push_back(order[i].generation);
  // One that is published and has not begun is next already, whatever it is.
  const KeyTimes& newest = order.back();
  if (newest.signs_from > now) return out;
  const std::int64_t due = newest.signs_from + rules.rotation - rules.overlap;
  if (!newest.wanted || now >= due)
    out.next_signs_from = std::max(now + rules.overlap, newest.wanted ? due + rules.overlap : now);
  return out;
}

std::optional<std::size_t> signer_of(std::span<const KeyTimes> keys, std::int64_t now) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool begun = keys[i].signs_from <= now;
    if (!best) {
      best = i;
      continue;
    }
    const bool best_begun = keys[*best].signs_from <= now;
    const bool newer = keys[i].signs_from != keys[*best].signs_from
                           ? keys[i].signs_from > keys[*best].signs_from
                           : keys[i].generation > keys[*best].generation;
    if (begun ? (!best_begun || newer) : (!best_begun && !newer)) best = i;
  }
  return best;
}

}  // namespace marquee::identity
