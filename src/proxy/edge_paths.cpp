#include "proxy/edge_paths.hpp"

#include <algorithm>

namespace marquee::proxy {

void EdgePaths::add(std::string path, Match match, When when, EdgeSource& source) {
  if (entries_.empty()) {
    common_ = path;
  } else {
    const auto differs = std::mismatch(common_.begin(), common_.end(), path.begin(), path.end());
    common_.erase(differs.first, common_.end());
  }
  entries_.push_back({std::move(path), match, when, &source});
}

EdgeSource* EdgePaths::find(std::string_view path, When when) const {
  if (!path.starts_with(common_)) return nullptr;
  for (const Entry& e : entries_) {
    if (e.when != when) continue;
    if (e.match == Match::exact ? path == e.path : path.starts_with(e.path)) return e.source;
  }
  return nullptr;
}

}  // namespace marquee::proxy
