#include "tls/digest.hpp"

#include <openssl/sha.h>

#include <string>

#include "tls/admission.hpp"

namespace marquee::tls {

Digest digest_of(std::initializer_list<std::string_view> parts) {
  std::string input;
  for (const auto part : parts) {
    auto size = static_cast<std::uint64_t>(part.size());
    for (int i = 0; i < 8; ++i, size >>= 8) input.push_back(static_cast<char>(size & 0xff));
    input += part;
  }
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest.data());
  return digest;
}

CertificateScope scope_of(std::string_view agency, std::string_view name) {
  return {digest_of({"marquee certificate scope", agency, name})};
}

}  // namespace marquee::tls
