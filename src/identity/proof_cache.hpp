// Proofs that were checked, by the digest of what was shown: bounded, and for a
// minute at most. One worker's; nothing is locked. Never holds a credential itself.
#pragma once
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
  ProofCache(std::size_t entries, Ms ttl, Ms negative_ttl, std::uint64_t seed)
      : table_(entries), ttl_(ttl), negative_ttl_(negative_ttl), seed_(seed | 1) {}

  // Null: not known, or no longer. Valid until the next put() or clear().
  Entry* find(Credential kind, const Digest& digest, Time now) {
    const Key key = key_of(kind, digest);
    Entry* const found = table_.find(key);
    if (!found || now < found->until) return found;
    table_.erase(key);
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
    table_.insert(key, std::move(entry), 1);
    return *table_.find(key);
  }

  // Of every kind.
  void erase(const Digest& digest) {
    for (const auto kind :
         {Credential::api_key, Credential::jwt, Credential::embed, Credential::consumer})
      table_.erase(key_of(kind, digest));
  }
  void clear() {
    const std::size_t budget = table_.budget();
    table_ = Table(budget);
  }
  std::size_t size() const { return table_.size(); }

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
  Table table_;
  Ms ttl_;
  Ms negative_ttl_;
  std::uint64_t seed_;
};

}  // namespace marquee::identity
