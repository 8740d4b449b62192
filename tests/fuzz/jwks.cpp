// Any key set: read or refused with a reason, within its bounds, and no key of it
// takes a signature that nobody made.
#include "identity/verification_key.hpp"

#include <openssl/err.h>

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee::identity;
  const ReadKeySet set = read_key_set({reinterpret_cast<const char*>(data), size});
  require(set.why.empty() == !set.keys.empty());
  require(set.keys.size() + set.left_out <= kMostKeys);
  for (const VerificationKey& key : set.keys) {
    require(key.algorithm() != SignatureAlgorithm::hs256 && key.id().size() <= 256);
    require(!key.verify("header.payload", "no signature at all"));
  }
  require(ERR_peek_error() == 0);
  return 0;
}
