// Any key set: read or refused with a reason, within its bounds, and no key of it
// takes a signature that nobody made.
#include <openssl/err.h>

#include "identity/key_set.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee::identity;
  const ReadKeySet set = read_key_set({reinterpret_cast<const char*>(data), size});
  require(set.why.empty() == !set.keys.empty());
  require(set.keys.size() <= jose::kMostJwks);
  for (const jose::Jwk& entry : set.keys) {
    require(entry.key->algorithm() != jose::Algorithm::hs256 && entry.kid.size() <= 256);
    require(!entry.key->verify("header.payload", "no signature at all"));
  }
  require(ERR_peek_error() == 0);
  return 0;
}
