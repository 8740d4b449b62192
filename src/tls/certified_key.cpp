#include "tls/certified_key.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "tls/name_check.hpp"
#include "tls/pem_pairs.hpp"

namespace marquee::tls {
namespace {

// OpenSSL's objects of a parsed pair: measured 7.3 KB for EC, 6.6 KB for RSA-2048.
constexpr std::size_t kParsedBytes = 6500;

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

std::time_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (!time || !ASN1_TIME_to_tm(time, &parts)) return 0;
  return timegm(&parts);
}

// Empty, or that they are strangers. Also brings the public key into its decoded form,
// once and not per handshake.
std::string belongs(X509* leaf, EVP_PKEY* key) {
  if (X509_check_private_key(leaf, key) == 1) return {};
  ERR_clear_error();
  return "the key does not belong to the certificate";
}

}  // namespace

Intermediate::~Intermediate() { X509_free(certificate_); }

std::shared_ptr<const Intermediate> IntermediateSet::share(X509* certificate) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!X509_digest(certificate, EVP_sha256(), hash, &size)) return nullptr;
  const std::string key(reinterpret_cast<const char*>(hash), size);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_hash_.find(key); found != by_hash_.end())
    if (auto alive = found->second.lock()) return alive;
  std::erase_if(by_hash_, [](const auto& entry) { return entry.second.expired(); });
  X509_up_ref(certificate);
  auto made = std::make_shared<const Intermediate>(certificate);
  by_hash_[key] = made;
  return made;
}

std::size_t IntermediateSet::size() const {
  const std::lock_guard lock(mutex_);
  return by_hash_.size();
}

CertificateRecord::~CertificateRecord() { OPENSSL_cleanse(key.data(), key.size()); }

CertificateSpec internal_spec(const std::string& host, bool pair) {
  CertificateSpec spec;
  spec.names.push_back(host);
  if (pair && !host.starts_with("*.")) spec.names.push_back("www." + host);
  spec.id = digest_of({"internal certificate", host, spec.names.size() > 1 ? "pair" : "single"});
  return spec;
}

CertificateSpec stored_spec(routing::RecordKind kind, const std::string& row,
                            const std::string& version, std::vector<std::string> names) {
  CertificateSpec spec;
  spec.names = std::move(names);
  spec.stored = kind;
  spec.row = row;
  spec.version = version;
  spec.id = digest_of({"stored certificate", routing::name(kind), row, version});
  return spec;
}

CertificateSpec spec_of(std::vector<CertificateRecord> records) {
  CertificateSpec spec;
  // The chain belongs to the content too: a file with a mended chain is another.
  std::string content;
  for (const auto& record : records) {
    const Digest leaf = digest_of({record.leaf, record.key});
    content += bytes_of(leaf);
    for (const auto& link : record.chain) {
      unsigned char hash[EVP_MAX_MD_SIZE];
      unsigned size = 0;
      X509_digest(link->get(), EVP_sha256(), hash, &size);
      content.append(reinterpret_cast<const char*>(hash), size);
    }
  }
  spec.id = digest_of({"certificate files", content});
  spec.records = std::move(records);
  return spec;
}

struct CertifiedKeys::Pair {
  Pair(X509* leaf_, EVP_PKEY* key_, std::vector<std::shared_ptr<const Intermediate>> links_)
      : leaf(leaf_), key(key_), chain(sk_X509_new_null()), links(std::move(links_)) {
    X509_up_ref(leaf_);
    EVP_PKEY_up_ref(key_);
    for (const auto& link : links) sk_X509_push(chain.get(), link->get());
  }
  struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
  };
  X509Ptr leaf;
  KeyPtr key;
  std::unique_ptr<STACK_OF(X509), FreeStack> chain;  // borrows from links
  std::vector<std::shared_ptr<const Intermediate>> links;
};

CertifiedKeys::CertifiedKeys() = default;
CertifiedKeys::~CertifiedKeys() = default;

void CertifiedKeys::add(X509* leaf, EVP_PKEY* key,
                        std::vector<std::shared_ptr<const Intermediate>> chain) {
  const std::time_t end = unix_time(X509_get0_notAfter(leaf));
  not_after_ = pairs_.empty() ? end : std::min(not_after_, end);
  bytes_ += kParsedBytes + static_cast<std::size_t>(std::max(0, i2d_X509(leaf, nullptr))) * 2;
  pairs_.emplace_back(leaf, key, std::move(chain));
}

Made<CertifiedKeys> CertifiedKeys::parse(std::span<const CertificateRecord> records) {
  ERR_clear_error();
  std::unique_ptr<CertifiedKeys> made(new CertifiedKeys);
  for (const auto& record : records) {
    const auto* at = reinterpret_cast<const unsigned char*>(record.leaf.data());
    const X509Ptr leaf(d2i_X509(nullptr, &at, static_cast<long>(record.leaf.size())));
    at = reinterpret_cast<const unsigned char*>(record.key.data());
    const KeyPtr key(d2i_PrivateKey(openssl_type(record.key_type), nullptr, &at,
                                    static_cast<long>(record.key.size())));
    if (!leaf || !key)
      return {nullptr, "a stored certificate does not parse: " + take_openssl_error()};
    if (std::string error = belongs(leaf.get(), key.get()); !error.empty()) return {nullptr, error};
    made->add(leaf.get(), key.get(), record.chain);
  }
  if (made->pairs_.empty()) return {nullptr, "there is no certificate"};
  return {std::move(made), {}};
}

Made<CertifiedKeys> CertifiedKeys::take(std::vector<PemPair> pairs) {
  std::unique_ptr<CertifiedKeys> made(new CertifiedKeys);
  for (PemPair& pair : pairs) made->add(pair.leaf.get(), pair.key.get(), std::move(pair.chain));
  if (made->pairs_.empty()) return {nullptr, "there is no certificate"};
  return {std::move(made), {}};
}

Made<CertifiedKeys> read_keys(const std::string& chain, const std::string& key,
                              const std::string& name, std::span<const std::string> names,
                              std::time_t now, IntermediateSet& intermediates) {
  PemPairs read = read_pem_pairs({chain, key, "the certificate of " + name, "the key of " + name},
                                 name, intermediates);
  if (!read.error.empty()) return {nullptr, std::move(read.error)};
  // One of a pair may do for both; what is useless by itself is left out.
  std::string useless;
  std::erase_if(read.pairs, [&](const PemPair& pair) {
    const std::vector<std::string> of_leaf = names_of(pair.leaf.get());
    const bool ours = std::any_of(names.begin(), names.end(),
                                  [&](const std::string& host) { return covers(of_leaf, host); });
    if (ours && unix_time(X509_get0_notAfter(pair.leaf.get())) > now) return false;
    useless = "the certificate of " + name + (ours ? " has expired" : " is for other names");
    return true;
  });
  if (read.pairs.empty()) return {nullptr, std::move(useless)};
  return CertifiedKeys::take(std::move(read.pairs));
}

Made<CertifiedKeys> CertifiedKeys::adopt(X509* leaf, EVP_PKEY* key, std::time_t renew_after) {
  std::unique_ptr<CertifiedKeys> made(new CertifiedKeys);
  if (std::string error = belongs(leaf, key); !error.empty()) return {nullptr, error};
  made->add(leaf, key, {});
  made->renew_after_ = renew_after;
  return {std::move(made), {}};
}

bool CertifiedKeys::use_in(SSL* ssl) const {
  return std::all_of(pairs_.begin(), pairs_.end(), [ssl](const Pair& pair) {
    return SSL_use_cert_and_key(ssl, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) == 1;
  });
}

}  // namespace marquee::tls
