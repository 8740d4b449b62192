#include "routing/change_stamps.hpp"

#include <algorithm>
#include <functional>
#include <utility>

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
      older_ = std::exchange(exact_, {});
      older_since_ = std::exchange(exact_since_, next);
    }
    exact_.set(on, next);
    (*slots_)[on % kSlots].store(next, std::memory_order_release);
  }
  epoch_.store(next, std::memory_order_release);
}

bool ChangeStamps::changed(Dependency on, Epoch loaded) const {
  if ((*slots_)[on % kSlots].load(std::memory_order_acquire) <= loaded) return false;
  const std::lock_guard hold(mutex_);
  Epoch at = exact_.find(on);
  if (at == 0) at = older_.find(on);
  return at != 0 ? at > loaded : loaded < older_since_;
}

bool ChangeStamps::will_forget(std::size_t changes) const {
  const std::lock_guard hold(mutex_);
  return exact_.size() + changes > kMostExact;
}

// The first slot that is free or holds it.
ChangeStamps::Exact::Slot& ChangeStamps::Exact::slot(Dependency on) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = (on * 0x9e3779b97f4a7c15ULL >> 32) & mask;
  while (slots_[i].at != 0 && slots_[i].on != on) i = (i + 1) & mask;
  return slots_[i];
}

void ChangeStamps::Exact::set(Dependency on, Epoch at) {
  if (size_ * 2 >= slots_.size()) {
    const std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(1024, slots_.size() * 2)));
    for (const Slot& kept : old)
      if (kept.at != 0) slot(kept.on) = kept;
  }
  Slot& place = slot(on);
  size_ += place.at == 0 ? 1 : 0;
  place = {on, at};
}

Epoch ChangeStamps::Exact::find(Dependency on) const {
  if (slots_.empty()) return 0;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = (on * 0x9e3779b97f4a7c15ULL >> 32) & mask; slots_[i].at != 0;
       i = (i + 1) & mask)
    if (slots_[i].on == on) return slots_[i].at;
  return 0;
}

ChangeStamps::Validity ChangeStamps::validity(std::span<const Dependency> on, Epoch loaded) const {
  for (const Dependency d : on)
    if (changed(d, loaded)) return Validity::outdated;
  return everything_.load(std::memory_order_acquire) > loaded ? Validity::suspect : Validity::valid;
}

}  // namespace marquee::routing
