#include "identity/use_counts.hpp"

#include <algorithm>

namespace marquee::identity {

bool UseCounts::add(const Use& use) {
  Counts& counts = of(use.of);
  auto found = counts.find(use.id);
  if (found == counts.end()) {
    if (size() >= most_) return false;
    found = counts.emplace(use.id, Count()).first;
  }
  found->second.calls += use.calls;
  found->second.last_ms = std::max(found->second.last_ms, use.last_ms);
  return true;
}

std::vector<Use> UseCounts::take(std::size_t most) {
  std::vector<Use> out;
  for (const Use::Of of_what : {Use::Of::api_key, Use::Of::consumer}) {
    Counts& counts = of(of_what);
    while (!counts.empty() && out.size() < most) {
      auto node = counts.extract(counts.begin());
      out.push_back({of_what, std::move(node.key()), node.mapped().calls, node.mapped().last_ms});
    }
  }
  return out;
}

}  // namespace marquee::identity
