// A certificate authority of our own, for development, demos and private names.
// Its root is made on first start in <state_dir>/internal-ca: ca.pem (give it to
// clients) and ca.key (mode 0600).
#pragma once
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "tls/certified_key.hpp"
#include "tls/context.hpp"

namespace marquee::tls {

class InternalCa {
 public:
  // Loads the authority or makes it: ECDSA P-256, ten years from `now` (Unix
  // seconds). Processes that start together agree on one. Blocks on the disk.
  static Made<InternalCa> open(const std::string& state_dir, std::time_t now);
  ~InternalCa();
  InternalCa(const InternalCa&) = delete;
  InternalCa& operator=(const InternalCa&) = delete;

  // A leaf for `names` (the first is its CN where it fits): new ECDSA P-256 key,
  // 90 days, backdated one hour, to be renewed after two thirds. Thread-safe;
  // takes a third of a millisecond, so call it off the workers.
  Made<CertifiedKeys> mint(const std::vector<std::string>& names, std::time_t now) const;

  const std::string& certificate_file() const { return certificate_file_; }
  std::time_t not_after() const;

  static constexpr std::time_t kLeafLife = 90 * 86400;
  static constexpr std::time_t kBackdate = 3600;

 private:
  InternalCa() = default;
  std::string make(const std::string& directory, std::time_t now);
  std::string load(const std::string& key_file, std::time_t now);
  x509_st* certificate_ = nullptr;
  evp_pkey_st* key_ = nullptr;
  std::string certificate_file_;
};

}  // namespace marquee::tls
