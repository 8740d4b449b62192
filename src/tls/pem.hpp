// Records as PEM text again: certificates and keys and nothing else, whatever stood
// around them in the files they came from.
#pragma once
#include <span>
#include <string>

#include "tls/certified_key.hpp"

namespace marquee::tls {

// Both are empty if OpenSSL failed. The caller wipes `key`.
struct PemText {
  std::string chain;  // each leaf followed by its intermediates
  std::string key;    // PKCS#8, in the same order
};
PemText to_pem(std::span<const CertificateRecord> records);

// "EC P-256", "RSA 2048", "Ed25519": of the leaf.
std::string key_words(const CertificateRecord& record);

}  // namespace marquee::tls
