#include "routing/change_stamps.hpp"

#include <algorithm>
#include <functional>

namespace marquee::routing {
namespace {

std::uint64_t mixed(std::uint64_t x) {  // the finaliser of MurmurHash3
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace

Dependency dependency(Change::What what, std::string_view value) {
  return mixed(std::hash<std::string_view>{}(value) +
               0x9e3779b97f4a7c15ULL * (static_cast<std::uint64_t>(what) + 1));
}

std::vector<Dependency> dependencies_of(const LookupKeys& keys, const DirectoryAnswer& answer) {
  using What = Change::What;
  std::vector<Dependency> out{dependency(What::name, keys.host.text())};
  const auto name = [&](std::string_view text) { out.push_back(dependency(What::name, text)); };
  const auto pair = [&](const base::Hostname& host) {
    name(host.text());
    if (const auto twin = host.www_twin()) name(twin->text());
  };
  if (keys.twin) name(keys.twin->text());
  if (!keys.wildcard.empty()) name("*." + keys.wildcard);
  if (!keys.site_label.empty()) name(keys.site_label + ".");
  for (const auto& row : answer.rows) {
    if (!row->wildcard && row->kind != RecordKind::site_subdomain) pair(row->host);
    if (row->redirect) pair(row->redirect->host);
    const auto id = [&](What what, std::string_view text) {
      if (!text.empty()) out.push_back(dependency(what, text));
    };
    id(What::installation, row->installation.text());
    id(What::site, row->site.text());
    id(What::client, row->client.text());
    id(What::agency, row->agency.text());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  out.shrink_to_fit();
  return out;
}

ChangeStamps::ChangeStamps() : slots_(std::make_unique<std::array<std::atomic<Epoch>, kSlots>>()) {
  for (auto& slot : *slots_) slot.store(0, std::memory_order_relaxed);
}

// Stamps first, the epoch last: who sees the epoch sees the stamps. A load that
// begins between the two has the old epoch, and is void to be safe.
void ChangeStamps::stamp(std::span<const Change> changes) {
  const std::lock_guard hold(mutex_);
  const Epoch next = epoch_.load(std::memory_order_relaxed) + 1;
  for (const Change& change : changes) {
    if (change.what == Change::What::everything) {
      everything_.store(next, std::memory_order_release);
      continue;
    }
    const Dependency on = dependency(change.what, change.value);
    if (exact_.size() >= kMostExact) {
      exact_.clear();
      exact_since_ = next;
    }
    exact_[on] = next;
    (*slots_)[on % kSlots].store(next, std::memory_order_release);
  }
  epoch_.store(next, std::memory_order_release);
}

bool ChangeStamps::changed(Dependency on, Epoch loaded) const {
  if ((*slots_)[on % kSlots].load(std::memory_order_acquire) <= loaded) return false;
  const std::lock_guard hold(mutex_);
  if (const auto found = exact_.find(on); found != exact_.end()) return found->second > loaded;
  return loaded < exact_since_;
}

ChangeStamps::Validity ChangeStamps::validity(std::span<const Dependency> on, Epoch loaded) const {
  for (const Dependency d : on)
    if (changed(d, loaded)) return Validity::outdated;
  return everything_.load(std::memory_order_acquire) > loaded ? Validity::suspect : Validity::valid;
}

}  // namespace marquee::routing
