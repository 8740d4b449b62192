// Known domains as bytes, for the snapshot file that lets a node start and serve
// while its directory is down (design 7). Pure; store/snapshot_file.hpp signs them and
// decodes only what it has signed. All the same no size in them is believed.
//
// Integers are little-endian, texts have 32 bits of length before them. Any change
// of the layout takes another kSnapshotVersion: there is no reading of old ones, as
// a file lives for a day.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/directory.hpp"

namespace marquee::routing {

inline constexpr std::uint32_t kSnapshotVersion = 3;
using SnapshotTime = std::chrono::sys_time<std::chrono::milliseconds>;

// One known name and the rows that answered for it.
struct SnapshotDomain {
  base::Hostname host;
  DirectoryAnswer answer;  // found
  SnapshotTime loaded{};   // when the directory said so
};

// The certificate of one row: the key is encrypted as the directory has it.
struct SnapshotCertificate {
  RecordKind kind = RecordKind::module_domain;
  std::string row;
  std::string version;  // CertificateReference::version
  std::string chain;    // PEM
  std::string sealed;   // StoredCertificate::sealed
};

struct DecodedSnapshot {
  std::string directory, sites_base;
  SnapshotTime written{};
  std::vector<SnapshotDomain> domains;
  // Certificates stay where they are: bytes of the text that was decoded.
  struct Place {
    RecordKind kind = RecordKind::module_domain;
    std::string row, version;
    std::size_t offset = 0, size = 0;
  };
  std::vector<Place> certificates;
};

class SnapshotEncoder {
 public:
  // `directory`: DomainDirectory::description(), `sites_base`: as in keys_of():
  // answers of another database or for other keys are not taken.
  SnapshotEncoder(std::string_view directory, std::string_view sites_base, SnapshotTime written,
                  std::size_t most_bytes);

  // False: it would not fit, and is left out.
  bool add(const SnapshotDomain& domain);
  bool add(const SnapshotCertificate& certificate);
  std::string finish();

  // Of what finish() gave.
  const std::vector<DecodedSnapshot::Place>& places() const { return places_; }
  std::size_t domains() const { return domains_; }
  std::size_t certificates() const { return certificates_; }

 private:
  std::string out_;
  std::size_t most_;
  std::size_t domains_at_ = 0;
  std::uint32_t domains_ = 0, certificates_ = 0;
  std::string certificate_bytes_;
  std::vector<DecodedSnapshot::Place> places_;  // offsets within these, until finish()
};

// Nothing: not what an encoder of this version made.
std::optional<DecodedSnapshot> decode_snapshot(std::string_view bytes);

// The text at a Place.
std::optional<SnapshotCertificate> decode_snapshot_certificate(std::string_view bytes);

}  // namespace marquee::routing
