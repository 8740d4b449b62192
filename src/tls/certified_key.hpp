// Certificates in their two forms: the record (DER, 0.7 KB for an EC leaf, kept
// for every domain) and the parsed keys (about 7 KB, kept while in use).
#pragma once
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/settings.hpp"
#include "routing/domain_record.hpp"
#include "tls/context.hpp"
#include "tls/digest.hpp"

struct ssl_st;
struct x509_st;
struct evp_pkey_st;

namespace marquee::tls {

struct PemPair;  // tls/pem_pairs.hpp

// A certificate between leaf and root. Parsed once and shared by all leaves
// below it, since there are few of them and 5 KB each.
class Intermediate {
 public:
  explicit Intermediate(x509_st* owned) : certificate_(owned) {}
  ~Intermediate();
  Intermediate(const Intermediate&) = delete;
  Intermediate& operator=(const Intermediate&) = delete;
  x509_st* get() const { return certificate_; }

 private:
  x509_st* certificate_;
};

// Intermediates of the process by the hash of their DER. Thread-safe.
class IntermediateSet {
 public:
  // Takes a reference of its own where it keeps `certificate`.
  std::shared_ptr<const Intermediate> share(x509_st* certificate);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const Intermediate>> by_hash_;
};

enum class KeyType : std::uint8_t { ec, rsa, ed25519 };

// One leaf and its key. Wipes the key's bytes.
struct CertificateRecord {
  CertificateRecord() = default;
  CertificateRecord(CertificateRecord&&) = default;
  CertificateRecord& operator=(CertificateRecord&&) = default;
  ~CertificateRecord();
  std::string leaf;  // DER
  std::vector<std::shared_ptr<const Intermediate>> chain;
  KeyType key_type = KeyType::ec;
  std::string key;  // DER, in the form of its type (RFC 5915, RFC 8017; PKCS#8 for Ed25519)
};

// What a domain row holds: where its certificates come from. Immutable, shared.
struct CertificateSpec {
  Digest id{};  // of the content: an unchanged certificate keeps its id over a reload
  std::vector<CertificateRecord> records;  // at most one per key type
  // Internal CA: what the leaf is for. Stored: of these it must be for at least one.
  std::vector<std::string> names;
  // Else the directory holds it: it is fetched when it is first needed.
  std::optional<routing::RecordKind> stored;
  std::string row;
  std::string version;
};
CertificateSpec internal_spec(const std::string& host, bool pair);
CertificateSpec spec_of(std::vector<CertificateRecord> records);
// `version` changes with the certificate (routing::CertificateReference).
CertificateSpec stored_spec(routing::RecordKind kind, const std::string& row,
                            const std::string& version, std::vector<std::string> names);

// Parsed certificates and keys of one spec. Immutable; shared between threads.
class CertifiedKeys {
 public:
  ~CertifiedKeys();
  CertifiedKeys(const CertifiedKeys&) = delete;
  CertifiedKeys& operator=(const CertifiedKeys&) = delete;

  // From records; a typed key load, no guessing of formats.
  static Made<CertifiedKeys> parse(std::span<const CertificateRecord> records);
  // From what was just read and checked.
  static Made<CertifiedKeys> take(std::vector<PemPair> pairs);
  // From a fresh leaf; takes a reference to both.
  static Made<CertifiedKeys> adopt(x509_st* leaf, evp_pkey_st* key, std::time_t renew_after);

  // Sets all pairs for this connection. False leaves the reason in OpenSSL's queue.
  bool use_in(ssl_st* ssl) const;
  // Estimated memory, for budgets.
  std::size_t bytes() const { return bytes_; }
  // Unix seconds from when a new one should be made; 0: never (files).
  std::time_t renew_after() const { return renew_after_; }
  std::time_t not_after() const { return not_after_; }

 private:
  struct Pair;
  CertifiedKeys();
  void add(x509_st* leaf, evp_pkey_st* key, std::vector<std::shared_ptr<const Intermediate>> chain);
  std::vector<Pair> pairs_;
  std::size_t bytes_ = 0;
  std::time_t renew_after_ = 0;
  std::time_t not_after_ = 0;
};

// Reads two PEM files and checks that they belong together. The error is a
// sentence that names the file.
Made<CertificateRecord> read_record(const config::CertificateFiles& files,
                                    IntermediateSet& intermediates);

// All certificates of two PEM texts, for clients that know only one of their types:
// `chain` is one leaf after the other, each followed by its intermediates, `key` the
// keys in any order. At most one per key type; the leaf of one key comes first.
struct ReadRecords {
  std::vector<CertificateRecord> records;  // in the order of `chain`
  std::string error;                       // a sentence, and then there is none of them
};
inline constexpr std::size_t kMostKeys = 3;
ReadRecords read_records(const std::string& chain, const std::string& key, const std::string& name,
                         IntermediateSet& intermediates);
// The same of pairs of files; the error names the file.
ReadRecords read_records(std::span<const config::CertificateFiles> files,
                         IntermediateSet& intermediates);

// The same two texts for a handshake, each certificate and key parsed once: what is for
// none of `names`, or has expired at `now` (Unix seconds), is left out while another of
// them is not.
Made<CertifiedKeys> read_keys(const std::string& chain, const std::string& key,
                              const std::string& name, std::span<const std::string> names,
                              std::time_t now, IntermediateSet& intermediates);

// What the leaf says of itself.
struct LeafFacts {
  std::vector<std::string> names;             // DNS names of its subjectAltName
  std::string issuer, subject;                // RFC 2253
  std::string serial;                         // hex
  std::time_t not_before = 0, not_after = 0;  // Unix seconds
};
LeafFacts facts_of(const CertificateRecord& record);

// Faults of the domains' certificate files: unreadable, key of another
// certificate, two of one key type, expired at `now` (Unix seconds), or for other
// names. A www pair needs only one of its two names in the certificate.
std::vector<config::Problem> check(const config::Settings& settings, std::time_t now);

// DNS names of the leaf's subjectAltName.
std::vector<std::string> names_of(const x509_st* leaf);
std::vector<std::string> names_of(const CertificateRecord& record);

}  // namespace marquee::tls
