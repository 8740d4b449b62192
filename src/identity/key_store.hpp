// The port to the keys that sign the tenant context, where Marquee makes them itself:
// a file in the state directory, or the directory's database, which all nodes share.
// src/store implements it; app/context_keys is its only user.
//
// Contract
//  - Threads: functions are called on one thread (the control thread), one at a time,
//    and do not block it for longer than a local file takes. `done` is called exactly
//    once, on that thread, perhaps inside the call; not after the store is destroyed.
//  - Consistency: a generation is given out once. Of nodes that add the same one at a
//    time, one succeeds and the others are told `taken`: they load, and find its key.
//  - Missing: a store without keys loads an empty list; that is knowledge. Failure to
//    know is a failure, and never reported as empty.
//  - Errors: a failure's sentence names the store and what to do; it holds no key.
//    A key that cannot be read (other encryption key, altered) fails the whole load:
//    to sign with half of the keys would refuse the tokens of other nodes.
//  - Bounds: at most kMostKeys are loaded.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "identity/jose/key.hpp"

namespace marquee::identity {

inline constexpr std::size_t kMostKeys = 32;

struct StoredKey {
  std::uint64_t generation = 0;  // from 1
  std::int64_t signs_from = 0;   // Unix seconds
  jose::KeyPtr key;
};

class KeyStore {
 public:
  virtual ~KeyStore() = default;

  struct Loaded {
    bool ok = false;
    bool stale = false;           // a copy of what was there last: sign, and ask again soon
    std::vector<StoredKey> keys;  // in any order
    base::Failure failure;        // where not ok; with stale: why it is one, or nothing
  };
  virtual void load(std::function<void(Loaded)> done) = 0;

  struct Added {
    enum class Status : std::uint8_t { added, taken, failed };
    Status status = Status::failed;
    base::Failure failure;  // with failed
  };
  virtual void add(const StoredKey& key, std::function<void(Added)> done) = 0;

  // One that is not there is removed already. What fails is tried again by the next
  // rotation.
  virtual void remove(std::uint64_t generation) = 0;

  virtual std::string description() const = 0;  // for logs and status
};

}  // namespace marquee::identity
