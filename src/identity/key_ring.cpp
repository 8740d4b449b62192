#include "identity/key_ring.hpp"

#include <algorithm>

#include "identity/jose/jwk.hpp"
#include "identity/jose/jws.hpp"

namespace marquee::identity {

KeyRing::KeyRing(std::vector<SigningKey> keys, std::int64_t max_age) : keys_(std::move(keys)) {
  std::vector<jose::KeyPtr> published;
  for (const SigningKey& k : keys_) {
    times_.push_back(k.times);
    published.push_back(k.key);
  }
  document_ = jose::jwk_set(published);
  if (!keys_.empty() && max_age > 0) cache_control_ = "public, max-age=" + std::to_string(max_age);
}

SigningKey KeyRing::signing_key(jose::KeyPtr key, std::uint64_t generation,
                                std::int64_t signs_from) {
  SigningKey out;
  out.header = jose::encode_header(*key, key->thumbprint());
  out.key = std::move(key);
  out.times = {generation, signs_from, true};
  return out;
}

const SigningKey* KeyRing::signer(std::int64_t now) const {
  const std::optional<std::size_t> at = signer_of(times_, now);
  return at ? &keys_[*at] : nullptr;
}

bool same_keys(const KeyRing& a, const KeyRing& b) {
  return a.cache_control() == b.cache_control() &&
         std::equal(a.keys().begin(), a.keys().end(), b.keys().begin(), b.keys().end(),
                    [](const SigningKey& x, const SigningKey& y) {
                      return x.header == y.header && x.times.signs_from == y.times.signs_from &&
                             x.times.generation == y.times.generation;
                    });
}

}  // namespace marquee::identity
