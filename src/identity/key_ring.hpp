// The keys of the signed tenant context as workers see them: immutable, shared by all.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "identity/jose/key.hpp"
#include "identity/rotation.hpp"

namespace marquee::identity {

// A key that signs, with what is the same for all of its tokens.
struct SigningKey {
  jose::KeyPtr key;
  std::string header;  // base64url
  KeyTimes times;
};

class KeyRing {
 public:
  KeyRing() = default;  // no key: nothing is signed
  // `max_age`: seconds for which the published set may be kept.
  KeyRing(std::vector<SigningKey> keys, std::int64_t max_age);

  static SigningKey signing_key(jose::KeyPtr key, std::uint64_t generation,
                                std::int64_t signs_from);

  // Who signs at `now` (Unix seconds); null: nobody.
  const SigningKey* signer(std::int64_t now) const;
  const std::vector<SigningKey>& keys() const { return keys_; }

  // The key set as published (RFC 7517), and its Cache-Control.
  const std::string& document() const { return document_; }
  const std::string& cache_control() const { return cache_control_; }

 private:
  std::vector<SigningKey> keys_;
  std::vector<KeyTimes> times_;
  std::string document_ = R"({"keys":[]})";
  std::string cache_control_ = "no-store";
};

// The keys of two rings are the same, and so are their times.
bool same_keys(const KeyRing& a, const KeyRing& b);

}  // namespace marquee::identity
