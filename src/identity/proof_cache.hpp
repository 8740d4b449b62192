// Proofs that were checked, by the digest of what was shown: bounded, and for a
// minute at most. One worker's; nothing is locked. Never holds a credential itself.
// Wrong ones, which a stranger can make without end, have a place of their own and push
// out no good ones.
#pragma once
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "base/lru_table.hpp"
#include "identity/access.hpp"
#include "identity/sha256.hpp"

namespace marquee::identity {

class ProofCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Ms = std::chrono::milliseconds;

  struct Entry {
    Proof proof;
    Time until{};
    // Of the last request that it was judged for, so that most need no new one.
    std::shared_ptr<const Caller> caller;
    std::string agency;  // of that request's domain
    std::string site;
  };

  // `seed`: random, so that strangers cannot make digests that meet in one place.
  // `entries` good ones, and a quarter as many that are wrong.
  ProofCache(std::size_t entries, Ms ttl, Ms negative_ttl, std::uint64_t seed)
      : good_(entries),
        wrong_(std::max<std::size_t>(1, entries / 4)),
        ttl_(ttl),
        negative_ttl_(negative_ttl),
        seed_(seed | 1) {}

  // Null: not known, or no longer. Valid until the next put() or clear().
  Entry* find(Credential kind, const Digest& digest, Time now) {
    const Key key = key_of(kind, digest);
    for (Table* const table : {&good_, &wrong_}) {
      Entry* const found = table->find(key);
      if (found && now < found->until) return found;
      if (found) table->erase(key);
    }
    return nullptr;
  }

  // `wall`: seconds since 1970; a proof is not remembered beyond its own end. What
  // could not be checked is not remembered at all.
  Entry& put(const Digest& digest, Proof proof, Time now, std::int64_t wall) {
    Ms life = proof.result == AccessResult::granted ? ttl_ : negative_ttl_;
    if (proof.result == AccessResult::unavailable) life = Ms(0);
    // Its key may come with the next fetch.
    if (proof.fault == TokenFault::unknown_key) life = Ms(0);
    const std::int64_t end = proof.caller.expires_at.time_since_epoch().count();
    if (proof.result == AccessResult::granted && end - wall < life.count() / 1000)
      life = Ms(std::max<std::int64_t>(end - wall, 0) * 1000);
    Entry entry;
    entry.proof = std::move(proof);
    entry.until = now + life;
    const Key key = key_of(entry.proof.kind, digest);
    const bool granted = entry.proof.result == AccessResult::granted;
    (granted ? wrong_ : good_).erase(key);
    Table& table = granted ? good_ : wrong_;
    table.insert(key, std::move(entry), 1);
    return *table.find(key);
  }

  // Of every kind.
  void erase(const Digest& digest) {
    for (const auto kind :
         {Credential::api_key, Credential::jwt, Credential::embed, Credential::consumer}) {
      good_.erase(key_of(kind, digest));
      wrong_.erase(key_of(kind, digest));
    }
  }
  void clear() {
    good_ = Table(good_.budget());
    wrong_ = Table(wrong_.budget());
  }
  std::size_t size() const { return good_.size() + wrong_.size(); }

 private:
  struct Key {
    Digest digest;
    Credential kind;  // one text may be shown as two things
    std::uint64_t hash;
    friend bool operator==(const Key& a, const Key& b) {
      return a.digest == b.digest && a.kind == b.kind;
    }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.hash; }
  };
  Key key_of(Credential kind, const Digest& digest) const {
    std::uint64_t head = 0;
    std::memcpy(&head, digest.data(), sizeof head);
    head *= seed_;
    return {digest, kind, head ^ head >> 32};
  }
  using Table = base::LruTable<Key, Entry, Hash>;
  Table good_;
  Table wrong_;
  Ms ttl_;
  Ms negative_ttl_;
  std::uint64_t seed_;
};

}  // namespace marquee::identity
