#include "tls/worker_certificates.hpp"

#include <unordered_map>
#include <utility>
#include <vector>

#include "tls/lru_table.hpp"

namespace marquee::tls {

struct WorkerCertificates::State {
  struct Entry {
    std::shared_ptr<const CertifiedKeys> keys;  // nullptr: the load failed
    std::string error;
    std::uint64_t generation = 0;
    std::time_t until = 0;  // when the cache is asked again; 0: never
  };

  void remember(const Digest& id, const CertificateCache::Loaded& loaded, std::time_t now);
  void deliver(const Digest& id, const CertificateCache::Loaded& loaded);

  CertificateCache& cache;
  Post post;
  Tell tell;
  CertificateCache::Clock clock;
  LruTable<Entry> table;
  std::unordered_map<Digest, std::vector<std::uint64_t>, DigestHash> waiting{};
};

void WorkerCertificates::State::remember(const Digest& id, const CertificateCache::Loaded& loaded,
                                         std::time_t now) {
  Entry entry{loaded.keys, loaded.error, loaded.generation, now + kFailed};
  std::size_t bytes = 256;
  if (loaded.keys) {
    bytes = loaded.keys->bytes();
    const std::time_t renew = loaded.keys->renew_after();
    // Past its renewal the cache is asked once a second whether the new one is there.
    entry.until = renew == 0 ? 0 : std::max(renew, now + 1);
  }
  table.insert(id, std::move(entry), bytes);
}

void WorkerCertificates::State::deliver(const Digest& id, const CertificateCache::Loaded& loaded) {
  remember(id, loaded, clock());
  const auto found = waiting.find(id);
  if (found == waiting.end()) return;
  const std::vector<std::uint64_t> told = std::move(found->second);
  waiting.erase(found);
  for (const std::uint64_t waiter : told) tell(waiter);
}

WorkerCertificates::WorkerCertificates(CertificateCache& cache, std::size_t budget, Post post,
                                       Tell tell, CertificateCache::Clock clock)
    : state_(std::make_shared<State>(State{cache, std::move(post), std::move(tell),
                                           std::move(clock), LruTable<State::Entry>(budget)})) {}
WorkerCertificates::~WorkerCertificates() = default;

CertificateLookup WorkerCertificates::find(const std::shared_ptr<const CertificateSpec>& spec,
                                           std::uint64_t waiter) {
  using Status = CertificateLookup::Status;
  State& s = *state_;
  const std::time_t now = s.clock();
  if (const State::Entry* entry = s.table.find(spec->id);
      entry && entry->generation == s.cache.generation() &&
      (entry->until == 0 || now < entry->until)) {
    if (entry->keys) return {Status::ready, entry->keys, {}};
    return {Status::failed, nullptr, entry->error};
  }
  const std::uint64_t generation = s.cache.generation();  // before the look: never too new
  if (auto keys = s.cache.find(spec)) {
    s.remember(spec->id, {keys, {}, generation}, now);
    return {Status::ready, std::move(keys), {}};
  }
  auto& waiters = s.waiting[spec->id];
  if (waiters.size() >= kMostWaiters) return {Status::failed, nullptr, "too many handshakes wait for it"};
  waiters.push_back(waiter);
  if (waiters.size() > 1) return {Status::loading, nullptr, {}};
  // Runs on a loading thread: it only carries the outcome to this worker.
  auto done = [post = s.post, weak = std::weak_ptr(state_),
               id = spec->id](const CertificateCache::Loaded& loaded) {
    post([weak, id, loaded] {
      if (const auto state = weak.lock()) state->deliver(id, loaded);
    });
  };
  if (s.cache.load(spec, std::move(done))) return {Status::loading, nullptr, {}};
  s.waiting.erase(spec->id);
  return {Status::failed, nullptr, "too many certificates are being loaded"};
}

std::size_t WorkerCertificates::waiting() const {
  std::size_t count = 0;
  for (const auto& [id, waiters] : state_->waiting) count += waiters.size();
  return count;
}

}  // namespace marquee::tls
