#include "identity/sha256.hpp"

#include <openssl/evp.h>

namespace marquee::identity {

Sha256::Sha256()
    : context_(EVP_MD_CTX_new()), algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Digest Sha256::of(std::string_view first, std::string_view second) {
  Digest out{};
  unsigned size = 0;
  if (EVP_DigestInit_ex2(context_, algorithm_, nullptr) != 1 ||
      EVP_DigestUpdate(context_, first.data(), first.size()) != 1 ||
      EVP_DigestUpdate(context_, second.data(), second.size()) != 1 ||
      EVP_DigestFinal_ex(context_, out.data(), &size) != 1)
    out = {};
  return out;
}

}  // namespace marquee::identity
