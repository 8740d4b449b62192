// Names that the directory surely does not have, told without asking it: a blocked
// Bloom filter (Putze, Sanders, Singler 2007) over exact names, wildcard rows
// ("*.parent") and site labels ("label."). Pairs are asked for under both names.
//
// Its "no" must never keep a customer out. So it speaks only when it was built in
// full, and while the change feed is live: whatever is added is in it as soon as
// the feed tells, also what is told while it is being built. Otherwise it says
// "perhaps", and the directory is asked. What is removed stays in until the next
// build and costs a look-up.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "routing/change_stamps.hpp"
#include "routing/directory.hpp"

namespace marquee::routing {

// Hashes of names. Any number of threads may add and ask.
class BloomFilter {
 public:
  // 16 bits for each of `names`, at least 4 KiB: one false "perhaps" in about 600.
  explicit BloomFilter(std::size_t names);
  void add(std::uint64_t hash);
  bool may_contain(std::uint64_t hash) const;
  std::size_t bytes() const { return blocks_ * sizeof(Block); }

 private:
  struct alignas(64) Block {
    std::atomic<std::uint64_t> words[8];
  };
  static constexpr int kBits = 8;  // per name, all in one cache line
  const Block& block_of(std::uint64_t hash) const;

  std::size_t blocks_;
  std::unique_ptr<Block[]> data_;
};

class MembershipFilter {
 public:
  // Asked by workers, on a miss of the caches. True: perhaps.
  bool may_exist(const LookupKeys& keys) const;
  bool in_force() const { return in_force_.load(std::memory_order_acquire); }

  // Told by the change feed, one call at a time.
  void on_changes(std::span<const Change> changes);
  void on_feed(bool live);

  // A build: begin(), then names page by page, then complete(). Where a build is
  // void meanwhile (feed lost, everything changed, another begin()), what still
  // comes for it is ignored.
  using Build = std::uint64_t;
  Build begin();
  void add(Build build, const std::vector<std::string>& names);
  // False: it was void; begin anew.
  bool complete(Build build);
  // There is no filter in force and no build under way although the feed is live,
  // or so much was added since the build that it says "perhaps" too often.
  bool wants_build() const;
  void abandon(Build build);  // its listing failed

  std::size_t names() const;  // in the filter in force
  std::size_t bytes() const;

 private:
  void forget();

  mutable std::mutex mutex_;
  std::shared_ptr<BloomFilter> filter_;
  std::atomic<bool> in_force_{false};
  bool live_ = false;
  Build builds_ = 0;
  Build building_ = 0;  // 0: none
  std::vector<std::uint64_t> collected_;
  std::size_t names_ = 0;
  std::size_t added_ = 0;  // since the build
};

}  // namespace marquee::routing
