#include "app/directory_snapshot.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "store/record_row.hpp"

namespace marquee::app {
namespace {

using routing::CacheTime;
using routing::SnapshotDomain;
using routing::SnapshotTime;
using routing::StoredCertificate;
using store::SnapshotFile;
using Id = SnapshotFile::CertificateId;

constexpr std::size_t kMostFresh = 2048;   // certificates that no file has yet
constexpr std::size_t kMostFetches = 512;  // of one round
constexpr int kParallel = 2;               // they share the pool with handshakes

SnapshotTime wall_clock() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}
std::int64_t seconds(SnapshotTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

// The other name of a pair that nobody asked for yet: the same rows answer for it,
// unless there is nothing but a wildcard.
std::optional<base::Hostname> twin_of(const SnapshotDomain& domain, std::string_view sites_base) {
  const auto twin = routing::keys_of(domain.host, sites_base).twin;
  const auto names = [&](const auto& row) {
    return !row->wildcard && (row->host == domain.host || row->host == *twin);
  };
  const auto& rows = domain.answer.rows;
  return twin && std::any_of(rows.begin(), rows.end(), names) ? twin : std::nullopt;
}

// The encrypted certificate, opened as the directory would have.
std::optional<store::EncryptionKey> key_of(const config::Settings& settings) {
  return store::EncryptionKey::parse(settings.directory.encryption_key);
}

void deliver(StoredCertificate certificate,
             const std::function<void(tls::CertificateCache::Stored)>& done) {
  tls::CertificateCache::Stored out;
  if (certificate.status == StoredCertificate::Status::found) {
    out.chain = std::move(certificate.chain);
    out.key = std::move(certificate.key);
  } else {
    out.error = certificate.failure.sentence.empty() ? "the directory has no certificate for it"
                                                     : std::move(certificate.failure.sentence);
  }
  done(std::move(out));
}

}  // namespace

// What outlives the control thread's part: used by jobs and by the directory's answers.
struct DirectorySnapshot::Shared {
  Shared(SnapshotFile::Options options, std::optional<store::EncryptionKey> k, Run run, bool on)
      : file(std::move(options)), key(std::move(k)), blocking(std::move(run)), enabled(on) {}

  // Kept until a file has it.
  void remember(const Id& id, const StoredCertificate& certificate) {
    if (!enabled || certificate.sealed.empty() || file.holds(id)) return;
    const std::lock_guard hold(mutex);
    if (fresh.size() >= kMostFresh) return;
    fresh.try_emplace(
        id, routing::SnapshotCertificate{std::get<0>(id), std::get<1>(id), std::get<2>(id),
                                         certificate.chain, certificate.sealed});
  }
  bool has(const Id& id) const {
    if (file.holds(id)) return true;
    const std::lock_guard hold(mutex);
    return fresh.contains(id);
  }
  // Blocks. Nothing: the file does not have it.
  std::optional<StoredCertificate> open(const Id& id) {
    const auto sealed = file.certificate(id);
    if (!sealed) return std::nullopt;
    const std::lock_guard hold(mutex);
    ++state.certificates_served;
    return store::make_certificate(sealed->chain, sealed->sealed, key ? &*key : nullptr);
  }

  SnapshotFile file;
  const std::optional<store::EncryptionKey> key;
  const Run blocking;
  const bool enabled;
  mutable std::mutex mutex;
  SnapshotFile::Fresh fresh;
  State state;
  std::atomic<bool> writing{false};
  std::atomic<bool> ended{false};
};

// Certificates that a write still lacks, fetched a few at a time.
struct DirectorySnapshot::Round {
  Round(std::shared_ptr<Shared> s, Parts p) : shared(std::move(s)), parts(std::move(p)) {}
  std::shared_ptr<Shared> shared;
  Parts parts;
  std::vector<SnapshotDomain> domains;
  std::vector<Id> missing;
  std::mutex mutex;
  std::size_t next = 0;
  int running = 0;
};

DirectorySnapshot::DirectorySnapshot(Parts parts, const config::Settings& settings,
                                     std::string sites_base)
    : parts_(std::move(parts)),
      settings_(settings.directory.snapshot),
      max_stale_(settings.directory.cache.max_stale),
      shared_(std::make_shared<Shared>(
          SnapshotFile::Options{
              settings_.file.empty() ? settings.state_dir + "/domains.snapshot" : settings_.file,
              settings_.key, parts_.directory.description(), sites_base, settings_.size},
          key_of(settings), parts_.blocking, settings_.enabled)),
      sites_base_(std::move(sites_base)) {
  if (settings_.enabled) shared_->state.file = shared_->file.path();
}
void DirectorySnapshot::end() { shared_->ended = true; }

void DirectorySnapshot::load() {
  if (!settings_.enabled) return;
  const CacheTime now = CacheTime::clock::now();
  SnapshotFile::Read read = shared_->file.read();
  State& state = shared_->state;
  state.refused = read.refusal;
  if (read.refusal != SnapshotFile::Refusal::none) {
    parts_.logger.warn("snapshot of domains refused", {{"reason", read.why}});
    return;
  }
  if (!read.found) return;
  const SnapshotTime wall = wall_clock();
  std::size_t old = 0;
  // A clock that was set back makes nothing younger than this moment.
  const auto age_of = [&](const SnapshotDomain& domain) {
    return std::max(wall - domain.loaded, std::chrono::milliseconds(0));
  };
  for (const SnapshotDomain& domain : read.domains)
    if (age_of(domain) <= max_stale_)
      hosts_.push_back(domain.host);
    else
      ++old;
  const std::unordered_set<base::Hostname> known(hosts_.begin(), hosts_.end());
  const auto put = [&](const base::Hostname& host, const SnapshotDomain& domain) {
    parts_.cache.put(routing::keys_of(host, sites_base_), domain.answer, now - age_of(domain));
  };
  // What is put in last counts as used last: the twins first, the most used at the end.
  for (const SnapshotDomain& domain : read.domains) {
    const auto twin = twin_of(domain, sites_base_);
    if (twin && !known.contains(*twin) && age_of(domain) <= max_stale_) put(*twin, domain);
  }
  for (auto it = read.domains.rbegin(); it != read.domains.rend(); ++it)
    if (age_of(*it) <= max_stale_) put(it->host, *it);
  state.loaded = hosts_.size();
  state.loaded_written = seconds(read.written);
  parts_.logger.info("snapshot of domains loaded",
                     {{"domains", hosts_.size()},
                      {"certificates", read.certificates},
                      {"too_old", old},
                      {"age", wall - read.written},
                      {"took", std::chrono::duration_cast<std::chrono::milliseconds>(
                                   CacheTime::clock::now() - now)}});
}

void DirectorySnapshot::tick(CacheTime now) {
  if (!settings_.enabled) return;
  if (next_ == CacheTime{}) next_ = now + settings_.every;
  if (now < next_) return;
  next_ = now + settings_.every;
  begin_write();
}

std::vector<SnapshotDomain> DirectorySnapshot::collect(const Parts& parts, std::uint32_t most,
                                                       std::chrono::milliseconds max_stale) {
  std::vector<SnapshotDomain> out;
  const CacheTime now = CacheTime::clock::now();
  const SnapshotTime wall = wall_clock();
  for (const routing::Answer& answer : parts.cache.hottest(most)) {
    const auto age = std::chrono::floor<std::chrono::milliseconds>(now - answer->loaded);
    if (age > max_stale) continue;
    out.push_back({answer->keys.host, answer->answer, wall - age});
  }
  return out;
}

void DirectorySnapshot::begin_write() {
  if (shared_->writing.exchange(true)) return;  // the last one still runs
  auto round = std::make_shared<Round>(shared_, parts_);
  round->domains = collect(parts_, settings_.domains, max_stale_);
  std::unordered_set<std::string> seen;
  std::size_t signature = round->domains.size();
  for (const SnapshotDomain& domain : round->domains) {
    for (const auto& row : domain.answer.rows)
      signature ^= std::hash<const void*>{}(row.get()) * 0x9e3779b97f4a7c15ULL;
    for (Id& id : store::certificates_of(domain.answer)) {
      if (round->missing.size() >= kMostFetches || shared_->has(id)) continue;
      if (seen.insert(std::get<1>(id)).second) round->missing.push_back(std::move(id));
    }
  }
  bool fresh = false;
  {
    const std::lock_guard hold(shared_->mutex);
    fresh = !shared_->fresh.empty();
  }
  // Nobody asked for anything since: the file is what it would be.
  if (signature == signature_ && !fresh && round->missing.empty()) {
    shared_->writing = false;
    return;
  }
  signature_ = signature;
  round->running = 1;
  fetch(round);
}

// Whoever ends the last fetch begins the write.
void DirectorySnapshot::fetch(const std::shared_ptr<Round>& round) {
  std::unique_lock hold(round->mutex);
  while (round->running <= kParallel && round->next < round->missing.size() &&
         !round->shared->ended) {
    const Id id = round->missing[round->next++];
    ++round->running;
    hold.unlock();
    round->parts.directory.load_certificate(
        std::get<0>(id), std::get<1>(id), [round, id](StoredCertificate certificate) {
          if (certificate.status == StoredCertificate::Status::found &&
              certificate.version == std::get<2>(id))
            round->shared->remember(id, certificate);
          OPENSSL_cleanse(certificate.key.data(), certificate.key.size());
          const std::lock_guard one(round->mutex);
          // No use to go on asking a directory that does not answer.
          if (certificate.status == StoredCertificate::Status::unavailable)
            round->next = round->missing.size();
          // Never from inside: an adapter may answer within the call.
          round->parts.control([round] {
            {
              const std::lock_guard mine(round->mutex);
              --round->running;
            }
            if (!round->shared->ended) fetch(round);
          });
        });
    hold.lock();
  }
  if (round->running > 1 || round->next < round->missing.size()) return;
  round->running = 0;
  hold.unlock();
  round->shared->blocking([round] {
    if (!round->shared->ended) write(round->shared, round->domains, round->parts.logger);
    round->shared->writing = false;
  });
}

void DirectorySnapshot::write(const std::shared_ptr<Shared>& shared,
                              const std::vector<SnapshotDomain>& domains, base::Logger& logger) {
  SnapshotFile::Fresh fresh;
  {
    const std::lock_guard hold(shared->mutex);
    fresh = shared->fresh;
  }
  const SnapshotTime now = wall_clock();
  const SnapshotFile::Written written = shared->file.write(domains, fresh, now);
  if (!written.error.empty())
    logger.warn("snapshot of domains not written", {{"reason", written.error}});
  const std::lock_guard hold(shared->mutex);
  if (!written.error.empty()) {
    ++shared->state.failures;
    return;
  }
  // What was not taken is not among the domains in use.
  for (const auto& [id, certificate] : fresh) shared->fresh.erase(id);
  ++shared->state.writes;
  shared->state.written = seconds(now);
  shared->state.domains = written.domains;
  shared->state.certificates = written.certificates;
  shared->state.bytes = written.bytes;
}

void DirectorySnapshot::save() {
  if (!settings_.enabled) return;
  const auto domains = collect(parts_, settings_.domains, max_stale_);
  // Nothing was ever known: an empty file would only replace a better one.
  if (!domains.empty()) write(shared_, domains, parts_.logger);
}

tls::CertificateCache::Fetch DirectorySnapshot::certificates() {
  return [shared = shared_, &directory = parts_.directory](
             const tls::CertificateSpec& spec,
             std::function<void(tls::CertificateCache::Stored)> done) {
    const Id wanted{spec.stored.value(), spec.row, spec.version};
    directory.load_certificate(
        spec.stored.value(), spec.row,
        [shared, wanted, done = std::move(done)](StoredCertificate certificate) mutable {
          using Status = StoredCertificate::Status;
          if (certificate.status == Status::found) {
            const auto& [kind, row, version] = wanted;
            shared->remember({kind, row, certificate.version}, certificate);
          }
          if (certificate.status != Status::unavailable || !shared->file.holds(wanted) ||
              shared->ended)
            return deliver(std::move(certificate), done);
          shared->blocking(
              [shared, wanted, done = std::move(done), certificate = std::move(certificate)] {
                if (auto kept = shared->open(wanted)) return deliver(std::move(*kept), done);
                deliver(certificate, done);
              });
        });
  };
}

DirectorySnapshot::State DirectorySnapshot::state() const {
  const std::lock_guard hold(shared_->mutex);
  return shared_->state;
}

}  // namespace marquee::app
