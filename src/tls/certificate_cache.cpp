#include "tls/certificate_cache.hpp"

#include <openssl/crypto.h>

#include <mutex>
#include <utility>
#include <vector>

#include "tls/internal_ca.hpp"
#include "tls/lru_table.hpp"

namespace marquee::tls {

// Owned by the cache and by every job that runs.
struct CertificateCache::Core : std::enable_shared_from_this<Core> {
  struct Entry {
    std::shared_ptr<const CertifiedKeys> keys;
    std::time_t renew_at = 0;  // 0: never
  };
  using Spec = std::shared_ptr<const CertificateSpec>;

  Core(std::size_t budget, Run run_, Load load_, Clock clock_)
      : run(std::move(run_)), load(std::move(load_)), clock(std::move(clock_)), table(budget) {}

  bool start(const Spec& spec);
  bool fetched(const Spec& spec, std::uint64_t began, Stored stored);
  Made<CertifiedKeys> parse(const CertificateSpec& spec, const Stored& stored);
  void finish(const Spec& spec, std::uint64_t began, Made<CertifiedKeys> made);

  const Run run;
  const Load load;
  Fetch fetch;
  IntermediateSet* intermediates = nullptr;
  const Clock clock;
  std::mutex mutex;
  LruTable<Entry> table;
  std::unordered_map<Digest, std::vector<Done>, DigestHash> in_flight;
  std::atomic<std::uint64_t> generation{1};
  std::atomic<std::uint64_t> loads{0};
};

// The caller has entered the load in in_flight and holds no lock.
bool CertificateCache::Core::start(const Spec& spec) {
  const std::uint64_t began = generation.load(std::memory_order_acquire);
  if (spec->stored && fetch) {
    fetch(*spec, [self = shared_from_this(), spec, began](Stored stored) {
      if (self->fetched(spec, began, std::move(stored))) return;
      self->finish(spec, began, {nullptr, "too many certificates are being loaded"});
    });
    return true;
  }
  const auto work = [self = shared_from_this(), spec, began] {
    self->finish(spec, began, self->load(*spec, self->clock()));
  };
  if (run(work)) return true;
  const std::lock_guard lock(mutex);
  in_flight.erase(spec->id);
  return false;
}

// The key is parsed where it may take its time.
bool CertificateCache::Core::fetched(const Spec& spec, std::uint64_t began, Stored stored) {
  auto held = std::make_shared<Stored>(std::move(stored));
  return run([self = shared_from_this(), spec, began, held] {
    self->finish(spec, began, self->parse(*spec, *held));
  });
}

Made<CertifiedKeys> CertificateCache::Core::parse(const CertificateSpec& spec,
                                                  const Stored& stored) {
  if (!stored.error.empty()) return {nullptr, stored.error};
  const std::string name = std::string(routing::name(spec.stored.value())) + " " + spec.row;
  return read_keys(stored.chain, stored.key, name, spec.names, clock(), *intermediates);
}

void CertificateCache::Core::finish(const Spec& spec, std::uint64_t began,
                                    Made<CertifiedKeys> made) {
  loads.fetch_add(1, std::memory_order_relaxed);
  const std::time_t now = clock();
  Loaded loaded{std::move(made.value), std::move(made.error), began};
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex);
    // A load that began before something was forgotten may not bring it back.
    if (loaded.keys && began == generation.load(std::memory_order_relaxed)) {
      table.insert(spec->id, {loaded.keys, loaded.keys->renew_after()}, loaded.keys->bytes());
    } else if (Entry* old = table.find(spec->id); old && !loaded.keys) {
      old->renew_at = now + kRetryRenewal;
    }
    const auto flight = in_flight.find(spec->id);
    waiting = std::move(flight->second);
    in_flight.erase(flight);
  }
  for (const Done& done : waiting) done(loaded);
}

CertificateCache::CertificateCache(std::size_t budget, Run run, Load load, Clock clock)
    : core_(std::make_shared<Core>(budget, std::move(run), std::move(load), std::move(clock))) {}
CertificateCache::~CertificateCache() = default;

CertificateCache::Stored::~Stored() { OPENSSL_cleanse(key.data(), key.size()); }

void CertificateCache::fetch_stored_by(Fetch fetch, IntermediateSet& intermediates) {
  core_->fetch = std::move(fetch);
  core_->intermediates = &intermediates;
}

std::shared_ptr<const CertifiedKeys> CertificateCache::find(
    const std::shared_ptr<const CertificateSpec>& spec) {
  const std::time_t now = core_->clock();
  std::shared_ptr<const CertifiedKeys> keys;
  bool renew = false;
  {
    const std::lock_guard lock(core_->mutex);
    const Core::Entry* entry = core_->table.find(spec->id);
    if (!entry) return nullptr;
    keys = entry->keys;
    if (entry->renew_at != 0 && now >= entry->renew_at) {
      if (now >= keys->not_after()) return nullptr;
      renew = core_->in_flight.size() < kMostLoads && core_->in_flight.try_emplace(spec->id).second;
    }
  }
  if (renew) core_->start(spec);  // a full queue: the next handshake tries again
  return keys;
}

bool CertificateCache::load(const std::shared_ptr<const CertificateSpec>& spec, Done done) {
  std::shared_ptr<const CertifiedKeys> meanwhile;
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(core_->mutex);
    const auto flight = core_->in_flight.find(spec->id);
    if (flight != core_->in_flight.end()) {
      flight->second.push_back(std::move(done));
      return true;
    }
    // Another worker's load may have ended since the caller looked.
    const Core::Entry* entry = core_->table.find(spec->id);
    if (entry && core_->clock() < entry->keys->not_after()) {
      meanwhile = entry->keys;
      generation = core_->generation.load(std::memory_order_relaxed);
    } else {
      if (core_->in_flight.size() >= kMostLoads) return false;
      core_->in_flight[spec->id].push_back(done);
    }
  }
  if (meanwhile) {
    done({std::move(meanwhile), {}, generation});
    return true;
  }
  return core_->start(spec);
}

void CertificateCache::forget(const Digest& id) {
  const std::lock_guard lock(core_->mutex);
  core_->table.erase(id);
  core_->generation.fetch_add(1, std::memory_order_release);
}

std::uint64_t CertificateCache::generation() const {
  return core_->generation.load(std::memory_order_acquire);
}
std::size_t CertificateCache::bytes() const {
  const std::lock_guard lock(core_->mutex);
  return core_->table.bytes();
}
std::size_t CertificateCache::size() const {
  const std::lock_guard lock(core_->mutex);
  return core_->table.size();
}
std::uint64_t CertificateCache::loads() const {
  return core_->loads.load(std::memory_order_relaxed);
}

CertificateCache::Load certificate_loader(std::shared_ptr<const InternalCa> ca) {
  return [ca = std::move(ca)](const CertificateSpec& spec, std::time_t now) {
    if (!spec.records.empty()) return CertifiedKeys::parse(spec.records);
    if (spec.stored) return Made<CertifiedKeys>{nullptr, "there is no directory"};
    if (!ca) return Made<CertifiedKeys>{nullptr, "there is no internal CA"};
    return ca->mint(spec.names, now);
  };
}

}  // namespace marquee::tls
