#include "routing/membership_filter.hpp"

#include <algorithm>
#include <bit>

namespace marquee::routing {
namespace {

constexpr std::size_t kHeadroom = 4096;  // names added before the first thought of a new build

std::uint64_t hash_of(std::string_view name) { return dependency(Change::What::name, name); }

}  // namespace

BloomFilter::BloomFilter(std::size_t names)
    : blocks_(std::bit_ceil(std::max<std::size_t>(64, names / 32 + 1))), data_(new Block[blocks_]) {
  for (std::size_t i = 0; i < blocks_; ++i)
    for (auto& word : data_[i].words) word.store(0, std::memory_order_relaxed);
}

const BloomFilter::Block& BloomFilter::block_of(std::uint64_t hash) const {
  return data_[hash & (blocks_ - 1)];
}

// The low bits choose the block, the high ones eight times six bits of a word; the
// words are all eight, in turn.
void BloomFilter::add(std::uint64_t hash) {
  auto& block = data_[hash & (blocks_ - 1)];
  std::uint64_t bits = hash * 0x9e3779b97f4a7c15ULL;
  for (int i = 0; i < kBits; ++i, bits >>= 6)
    block.words[i].fetch_or(std::uint64_t{1} << (bits & 63), std::memory_order_relaxed);
}

bool BloomFilter::may_contain(std::uint64_t hash) const {
  const Block& block = block_of(hash);
  std::uint64_t bits = hash * 0x9e3779b97f4a7c15ULL;
  for (int i = 0; i < kBits; ++i, bits >>= 6)
    if (!(block.words[i].load(std::memory_order_relaxed) >> (bits & 63) & 1)) return false;
  return true;
}

bool MembershipFilter::may_exist(const LookupKeys& keys) const {
  if (!in_force()) return true;
  std::shared_ptr<BloomFilter> filter;
  {
    const std::lock_guard hold(mutex_);
    if (!in_force_.load(std::memory_order_relaxed)) return true;
    filter = filter_;
  }
  const auto has = [&](std::string_view name) { return filter->may_contain(hash_of(name)); };
  return has(keys.host.text()) || (keys.twin && has(keys.twin->text())) ||
         (!keys.wildcard.empty() && has("*." + keys.wildcard)) ||
         (!keys.site_label.empty() && has(keys.site_label + "."));
}

void MembershipFilter::forget() {
  in_force_.store(false, std::memory_order_release);
  filter_.reset();
  building_ = 0;
  collected_ = {};
  names_ = added_ = 0;
}

void MembershipFilter::on_changes(std::span<const Change> changes) {
  const std::lock_guard hold(mutex_);
  for (const Change& change : changes) {
    if (change.what == Change::What::everything) {
      forget();
    } else if (change.what == Change::What::name) {
      const std::uint64_t hash = hash_of(change.value);
      if (building_ != 0) collected_.push_back(hash);
      if (!filter_) continue;
      filter_->add(hash);
      ++added_;
    }
  }
}

// What changed while the feed was not live is told before it is again, or else as
// `everything`: a filter in force is only silent meanwhile. A build is not kept, as
// it may have read before a change that was told to nobody.
void MembershipFilter::on_feed(bool live) {
  const std::lock_guard hold(mutex_);
  live_ = live;
  if (!live) {
    building_ = 0;
    collected_ = {};
  }
  in_force_.store(live && filter_, std::memory_order_release);
}

MembershipFilter::Build MembershipFilter::begin() {
  const std::lock_guard hold(mutex_);
  collected_ = {};
  building_ = live_ ? ++builds_ : 0;
  return building_;
}

void MembershipFilter::add(Build build, const std::vector<std::string>& names) {
  const std::lock_guard hold(mutex_);
  if (build == 0 || build != building_) return;
  for (const std::string& name : names) collected_.push_back(hash_of(name));
}

bool MembershipFilter::complete(Build build) {
  std::vector<std::uint64_t> hashes;
  {
    const std::lock_guard hold(mutex_);
    if (build == 0 || build != building_) return false;
    hashes = collected_;  // what is told meanwhile comes to collected_
  }
  // Outside the lock: a million names take some milliseconds.
  auto filter = std::make_shared<BloomFilter>(hashes.size() + hashes.size() / 2 + kHeadroom);
  for (const std::uint64_t hash : hashes) filter->add(hash);
  const std::lock_guard hold(mutex_);
  if (build != building_) return false;
  for (std::size_t i = hashes.size(); i < collected_.size(); ++i) filter->add(collected_[i]);
  names_ = collected_.size();
  added_ = 0;
  building_ = 0;
  collected_ = {};
  filter_ = std::move(filter);
  in_force_.store(live_, std::memory_order_release);
  return true;
}

void MembershipFilter::abandon(Build build) {
  const std::lock_guard hold(mutex_);
  if (build != building_) return;
  building_ = 0;
  collected_ = {};
}

bool MembershipFilter::wants_build() const {
  const std::lock_guard hold(mutex_);
  return live_ && building_ == 0 && (!filter_ || added_ > names_ / 2 + kHeadroom);
}

std::size_t MembershipFilter::names() const {
  const std::lock_guard hold(mutex_);
  return filter_ ? names_ + added_ : 0;
}

std::size_t MembershipFilter::bytes() const {
  const std::lock_guard hold(mutex_);
  return filter_ ? filter_->bytes() : 0;
}

}  // namespace marquee::routing
