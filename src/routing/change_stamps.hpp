// When which name or tenant last changed: how cached answers learn that they are
// void, without being searched for. Every answer keeps the hashes of all that it
// depends on (its names, its tenant's ids) and the epoch before its load began; it
// is void as soon as one of these was stamped with a later epoch.
//
// Any thread may ask; the askers take no lock unless something that shares a
// stamp's slot changed. Changes are stamped by one thread at a time.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "routing/directory.hpp"

namespace marquee::routing {

using Epoch = std::uint64_t;
using Dependency = std::uint64_t;  // hash of a name or of an id

Dependency dependency(Change::What what, std::string_view value);
// All that could change what the answer to `keys` is: the names under which rows
// were or were not found, and the ids of the rows that were.
std::vector<Dependency> dependencies_of(const LookupKeys& keys, const DirectoryAnswer& answer);

class ChangeStamps {
 public:
  // Changed since `loaded`?
  enum class Validity : std::uint8_t {
    valid,
    suspect,   // something unknown changed: ask again, and serve it if nobody answers
    outdated,  // this very answer changed: it may not be served any more
  };

  ChangeStamps();

  // The present epoch. An answer whose load began at `now()` is void through every
  // change that is stamped afterwards. One relaxed load on the common processors.
  Epoch now() const { return epoch_.load(std::memory_order_acquire); }
  // `loaded`: before the load began, or when the answer was last found valid.
  Validity validity(std::span<const Dependency> on, Epoch loaded) const;
  void stamp(std::span<const Change> changes);
  // Whether stamping so many would make it forget exact stamps: what is valid now and
  // was not found so lately counts as outdated afterwards, to be safe.
  bool will_forget(std::size_t changes) const;

  // The last so many changes at least are known exactly, and twice as many at most
  // (16 MiB then).
  static constexpr std::size_t kMostExact = 1u << 18;

 private:
  static constexpr std::size_t kSlots = 1u << 16;

  // Dependency to the epoch of its last change. Open addressing; grows.
  class Exact {
   public:
    void set(Dependency on, Epoch at);
    Epoch find(Dependency on) const;  // 0: not here
    std::size_t size() const { return size_; }

   private:
    struct Slot {
      Dependency on = 0;
      Epoch at = 0;  // 0: empty
    };
    Slot& slot(Dependency on);
    std::vector<Slot> slots_;
    std::size_t size_ = 0;
  };
  bool changed(Dependency on, Epoch loaded) const;

  std::atomic<Epoch> epoch_{1};
  std::atomic<Epoch> everything_{1};  // what was loaded at 0 is suspect
  // The last change of all that hashes to a slot. Where it is later than the
  // answer, the exact table decides, as far as it reaches back.
  std::unique_ptr<std::array<std::atomic<Epoch>, kSlots>> slots_;
  mutable std::mutex mutex_;
  Exact exact_, older_;
  Epoch exact_since_ = 0;  // changes before it are not in `exact_`,
  Epoch older_since_ = 0;  // and before this not in `older_`
};

}  // namespace marquee::routing
