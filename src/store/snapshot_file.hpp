// The signed file of known domains (routing/domain_snapshot.hpp has its content):
//
//   "MQDOMAIN", 32 bits of version, 64 bits of length, content, HMAC-SHA-256 over
//   all before it
//
// The key of the HMAC is made of 32 random bytes that stand beside the file, for its
// owner only, or that the settings give. Private keys in it are encrypted as the
// directory has them, with directory.encryption_key; without that key the file is of
// no use to a thief. It is replaced as a whole: written aside, synced, renamed.
//
// Thread-safe. Everything but holds() blocks on the disk: at the start, or on the
// blocking pool.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "routing/domain_snapshot.hpp"

namespace marquee::store {

class SnapshotFile {
 public:
  struct Options {
    std::string file;
    std::string key;         // 64 hex digits; empty: of `file`.key, made if it is not there
    std::string directory;   // description of the directory that it is of
    std::string sites_base;  // normalised, or empty
    std::size_t most_bytes = 64u << 20;
  };
  explicit SnapshotFile(Options options);
  ~SnapshotFile();
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  enum class Refusal : std::uint8_t {
    none,
    unreadable,  // the file or its key cannot be read, or others may read the key
    size,        // larger than most_bytes allows, or cut off
    format,      // not such a file at all
    version,     // of another version of Marquee
    signature,   // altered, or made with another key
    directory,   // of another directory
  };
  struct Read {
    Refusal refusal = Refusal::none;
    std::string why;  // a sentence, with a refusal
    bool found = false;
    routing::SnapshotTime written{};
    std::vector<routing::SnapshotDomain> domains;  // the most used first
    std::size_t certificates = 0;
  };
  Read read();

  // Names a certificate: kind, row, version.
  using CertificateId = std::tuple<routing::RecordKind, std::string, std::string>;
  bool holds(const CertificateId& id) const;
  // As read() or write() left it; nothing if it is not in it, or altered since.
  std::optional<routing::SnapshotCertificate> certificate(const CertificateId& id) const;

  // Certificates of `domains` come from `fresh`, else from the file that is there.
  // Empty, or a sentence; then the old file is as it was.
  using Fresh = std::map<CertificateId, routing::SnapshotCertificate>;
  struct Written {
    std::string error;
    std::size_t domains = 0, certificates = 0, bytes = 0;
  };
  Written write(const std::vector<routing::SnapshotDomain>& domains, const Fresh& fresh,
                routing::SnapshotTime now);

  const std::string& path() const { return options_.file; }

 private:
  struct Place;
  struct Open;
  std::shared_ptr<const Open> open() const;
  std::string load_key(bool make);
  void keep(int descriptor, std::size_t header, std::string_view bytes,
            const std::vector<routing::DecodedSnapshot::Place>& places);

  const Options options_;
  mutable std::mutex mutex_;  // guards those below; held for moments
  std::string key_;           // of the HMAC; wiped
  std::shared_ptr<const Open> open_;
  std::mutex writing_;  // one write at a time
};

std::string_view name(SnapshotFile::Refusal refusal);

// The certificates that the rows of an answer name.
std::vector<SnapshotFile::CertificateId> certificates_of(const routing::DirectoryAnswer& answer);

}  // namespace marquee::store
