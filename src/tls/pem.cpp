#include "tls/pem.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

int openssl_type(KeyType type) {
  switch (type) {
    case KeyType::ec:
      return EVP_PKEY_EC;
    case KeyType::rsa:
      return EVP_PKEY_RSA;
    case KeyType::ed25519:
      return EVP_PKEY_ED25519;
  }
  return EVP_PKEY_NONE;
}

X509Ptr leaf_of(const CertificateRecord& record) {
  const auto* at = reinterpret_cast<const unsigned char*>(record.leaf.data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(record.leaf.size())));
}

void append(std::string& out, BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  if (size > 0) out.append(data, static_cast<std::size_t>(size));
}

bool append_certificate(std::string& out, X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || !certificate || PEM_write_bio_X509(bio.get(), certificate) != 1) return false;
  append(out, bio.get());
  return true;
}

bool append_key(std::string& out, const CertificateRecord& record) {
  const auto* at = reinterpret_cast<const unsigned char*>(record.key.data());
  const KeyPtr key(d2i_PrivateKey(openssl_type(record.key_type), nullptr, &at,
                                  static_cast<long>(record.key.size())));
  const BioPtr bio(BIO_new(BIO_s_secmem()));  // wiped with its memory
  if (!key || !bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return false;
  append(out, bio.get());
  return true;
}

}  // namespace

PemText to_pem(std::span<const CertificateRecord> records) {
  PemText out;
  // Room for all of it, so that no copy of a key is left behind by growth.
  out.key.reserve(records.size() * 8192);
  for (const CertificateRecord& record : records) {
    bool good = append_certificate(out.chain, leaf_of(record).get());
    for (const auto& link : record.chain) good = good && append_certificate(out.chain, link->get());
    if (good && append_key(out.key, record)) continue;
    ERR_clear_error();
    OPENSSL_cleanse(out.key.data(), out.key.size());
    return {};
  }
  return out;
}

std::string key_words(const CertificateRecord& record) {
  const X509Ptr leaf = leaf_of(record);
  EVP_PKEY* const key = leaf ? X509_get0_pubkey(leaf.get()) : nullptr;
  if (!key) return "unknown";
  if (record.key_type == KeyType::ed25519) return "Ed25519";
  if (record.key_type == KeyType::rsa) return "RSA " + std::to_string(EVP_PKEY_get_bits(key));
  char group[80] = "";
  if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1) return "EC";
  const char* const nist = EC_curve_nid2nist(OBJ_sn2nid(group));
  return std::string("EC ") + (nist ? nist : group);
}

}  // namespace marquee::tls
