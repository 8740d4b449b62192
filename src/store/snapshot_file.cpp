#include "store/snapshot_file.hpp"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/durable_file.hpp"
#include "net/socket.hpp"
#include "routing/byte_reader.hpp"

namespace marquee::store {
namespace {

using net::Fd;

using routing::ByteReader;
using routing::ByteWriter;

constexpr std::string_view kMagic = "MQDOMAIN";
constexpr std::size_t kHead = 8 + 4 + 8;
constexpr std::size_t kMac = SHA256_DIGEST_LENGTH;
constexpr std::size_t kKeyBytes = 32;
using Hash = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string because(const std::string& what) { return what + ": " + std::strerror(errno); }

bool read_at(int fd, char* out, std::size_t size, std::size_t offset) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, out, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    offset += static_cast<std::size_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return because(path + " cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Fd open_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return Fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

// Empty: OpenSSL failed.
std::string mac_of(std::string_view key, std::string_view first, std::string_view second = {}) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);
  std::string out(kMac, '\0');
  std::size_t size = 0;
  if (!context || EVP_MAC_init(context.get(), bytes(key), key.size(), parameters.data()) != 1 ||
      EVP_MAC_update(context.get(), bytes(first), first.size()) != 1 ||
      EVP_MAC_update(context.get(), bytes(second), second.size()) != 1 ||
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                    out.size()) != 1)
    out.clear();
  return out;
}

Hash hash_of(std::string_view bytes) {
  Hash out{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data());
  return out;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() != 2 * kKeyBytes) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::string digits(hex.substr(i, 2));
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return std::nullopt;
    out += static_cast<char>(std::stoi(digits, nullptr, 16));
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

// Of the HMAC and nothing else, whatever else the given key may serve for.
std::string derive(std::string_view key) { return mac_of(key, "marquee domain snapshot 1"); }

}  // namespace

struct SnapshotFile::Place {
  std::size_t offset = 0, size = 0;
  Hash hash{};
};

// One file that was verified or written. It stays what it was, even if another one
// takes its name; should somebody write into it, the hashes tell.
struct SnapshotFile::Open {
  explicit Open(int descriptor) : fd(descriptor) {}
  Fd fd;
  std::map<CertificateId, Place> places;
};

SnapshotFile::SnapshotFile(Options options) : options_(std::move(options)) {}
SnapshotFile::~SnapshotFile() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::string_view name(SnapshotFile::Refusal refusal) {
  constexpr std::array<std::string_view, 7> words{"none",    "unreadable", "size",     "format",
                                                  "version", "signature",  "directory"};
  return words[static_cast<std::size_t>(refusal)];
}

std::vector<SnapshotFile::CertificateId> certificates_of(const routing::DirectoryAnswer& answer) {
  std::vector<SnapshotFile::CertificateId> out;
  for (const auto& row : answer.rows)
    if (row->certificate.present) out.emplace_back(row->kind, row->row, row->certificate.version);
  return out;
}

std::string SnapshotFile::load_key(bool make) {
  {
    const std::lock_guard hold(mutex_);
    if (!key_.empty()) return {};
  }
  std::string hex = options_.key;
  const std::string path = options_.file + ".key";
  if (hex.empty()) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT && make) {
      std::string random(kKeyBytes, '\0');
      if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), kKeyBytes) != 1)
        return "no random bytes for " + path;
      hex = to_hex(random);
      const Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!made) return because(path + " cannot be made");
      if (std::string error = write_all(made.get(), hex + "\n", path); !error.empty()) {
        ::unlink(path.c_str());
        return error;
      }
      if (const Fd folder = open_folder(path)) ::fsync(folder.get());
    } else if (!file) {
      return because("its key " + path + " cannot be read");
    } else {
      struct stat is {};
      if (::fstat(file.get(), &is) != 0 || !S_ISREG(is.st_mode))
        return "its key " + path + " is not a file";
      if ((is.st_mode & 077) != 0)
        return "its key " + path + " is open to others than its owner; remove both, or  chmod 600";
      hex.resize(2 * kKeyBytes);
      if (!read_at(file.get(), hex.data(), hex.size(), 0)) hex.clear();
    }
  }
  auto key = from_hex(hex);
  OPENSSL_cleanse(hex.data(), hex.size());
  if (!key) return "its key " + path + " is not 64 hex digits; remove it";
  const std::lock_guard hold(mutex_);
  key_ = derive(*key);
  OPENSSL_cleanse(key->data(), key->size());
  return {};
}

SnapshotFile::Read SnapshotFile::read() {
  Read out;
  const auto refuse = [&](Refusal refusal, std::string why) {
    out.refusal = refusal;
    out.why = options_.file + ": " + std::move(why);
    return std::move(out);
  };
  Fd file(::open(options_.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return out;
  if (!file) return refuse(Refusal::unreadable, std::strerror(errno));
  struct stat is {};
  if (::fstat(file.get(), &is) != 0 || !S_ISREG(is.st_mode))
    return refuse(Refusal::unreadable, "is not a file");
  out.found = true;
  const auto size = static_cast<std::size_t>(is.st_size);
  if (size > options_.most_bytes + kHead + kMac)
    return refuse(Refusal::size, "is larger than directory.snapshot.size");
  std::string bytes(size, '\0');
  if (!read_at(file.get(), bytes.data(), size, 0))
    return refuse(Refusal::unreadable, std::strerror(errno));
  ByteReader head(std::string_view(bytes).substr(std::min(size, kMagic.size())));
  const auto version = head.integer<std::uint32_t>();
  const auto length = head.integer<std::uint64_t>();
  if (!bytes.starts_with(kMagic) || !head.good())
    return refuse(Refusal::format, "is not a snapshot of domains");
  if (version != routing::kSnapshotVersion)
    return refuse(Refusal::version, "is of version " + std::to_string(version) + ", not " +
                                        std::to_string(routing::kSnapshotVersion));
  if (size < kHead + kMac || length != size - kHead - kMac)
    return refuse(Refusal::size, "is cut off, or something was added to it");
  if (std::string why = load_key(false); !why.empty())
    return refuse(Refusal::unreadable, std::move(why));
  const std::string_view all(bytes);
  std::string key;
  {
    const std::lock_guard hold(mutex_);
    key = key_;
  }
  const std::string mac = mac_of(key, all.substr(0, size - kMac));
  OPENSSL_cleanse(key.data(), key.size());
  if (mac.size() != kMac || CRYPTO_memcmp(mac.data(), bytes.data() + size - kMac, kMac) != 0)
    return refuse(Refusal::signature, "was altered, or signed with another key");
  const std::string_view content = all.substr(kHead, length);
  auto decoded = routing::decode_snapshot(content);
  if (!decoded) return refuse(Refusal::format, "does not hold what its version says");
  if (decoded->directory != options_.directory || decoded->sites_base != options_.sites_base)
    return refuse(Refusal::directory, "is of another directory: " + decoded->directory);
  keep(file.release(), kHead, content, decoded->certificates);
  out.written = decoded->written;
  out.domains = std::move(decoded->domains);
  out.certificates = decoded->certificates.size();
  return out;
}

void SnapshotFile::keep(int descriptor, std::size_t header, std::string_view bytes,
                        const std::vector<routing::DecodedSnapshot::Place>& places) {
  auto made = std::make_shared<Open>(descriptor);
  for (const auto& place : places)
    made->places[{place.kind, place.row, place.version}] = {
        header + place.offset, place.size, hash_of(bytes.substr(place.offset, place.size))};
  const std::lock_guard hold(mutex_);
  open_ = std::move(made);
}

std::shared_ptr<const SnapshotFile::Open> SnapshotFile::open() const {
  const std::lock_guard hold(mutex_);
  return open_;
}

bool SnapshotFile::holds(const CertificateId& id) const {
  const auto file = open();
  return file && file->places.contains(id);
}

std::optional<routing::SnapshotCertificate> SnapshotFile::certificate(
    const CertificateId& id) const {
  const auto file = open();
  if (!file) return std::nullopt;
  const auto at = file->places.find(id);
  if (at == file->places.end()) return std::nullopt;
  std::string bytes(at->second.size, '\0');
  if (!read_at(file->fd.get(), bytes.data(), bytes.size(), at->second.offset) ||
      hash_of(bytes) != at->second.hash)
    return std::nullopt;
  return routing::decode_snapshot_certificate(bytes);
}

SnapshotFile::Written SnapshotFile::write(const std::vector<routing::SnapshotDomain>& domains,
                                          const Fresh& fresh, routing::SnapshotTime now) {
  const std::lock_guard one(writing_);
  Written out;
  if (out.error = load_key(true); !out.error.empty()) return out;
  routing::SnapshotEncoder encoder(options_.directory, options_.sites_base, now,
                                   options_.most_bytes);
  // A domain and its certificates go together, as far as there is room. The file's
  // order is the order of use, so that the least used are those without.
  std::set<CertificateId> taken;
  for (const routing::SnapshotDomain& domain : domains) {
    if (!encoder.add(domain)) continue;
    for (const CertificateId& id : certificates_of(domain.answer)) {
      if (!taken.insert(id).second) continue;
      if (const auto it = fresh.find(id); it != fresh.end())
        encoder.add(it->second);
      else if (const auto kept = certificate(id))
        encoder.add(*kept);
    }
  }
  out.domains = encoder.domains();
  out.certificates = encoder.certificates();
  const std::string content = encoder.finish();
  std::string head(kMagic);
  ByteWriter(head).integer(routing::kSnapshotVersion);
  ByteWriter(head).integer(static_cast<std::uint64_t>(content.size()));
  std::string mac;
  {
    const std::lock_guard hold(mutex_);
    mac = mac_of(key_, head, content);
  }
  if (mac.empty()) {
    out.error = options_.file + " cannot be signed";
    return out;
  }
  out.bytes = head.size() + content.size() + mac.size();
  const Fd folder = open_folder(options_.file);
  const std::string name = std::filesystem::path(options_.file).filename().string();
  // Another process with the same state directory has a name of its own.
  const std::string aside = name + ".new." + std::to_string(::getpid());
  int file = -1;
  out.error = folder
                  ? base::replace_file(folder.get(), name, aside, 0600, {head, content, mac}, &file)
                  : because("cannot be made");
  if (!out.error.empty()) {
    out.error = options_.file + " " + out.error;
    return out;
  }
  keep(file, kHead, content, encoder.places());
  return out;
}

}  // namespace marquee::store
