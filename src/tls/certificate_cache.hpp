// Parsed certificates of the process: an LRU within a budget, filled off the
// workers, one load per certificate at a time. Eviction frees no pair in use:
// everyone holds shared pointers. Thread-safe; its mutex is taken on a worker's
// own miss only (tls/worker_certificates.hpp).
#pragma once
#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>

#include "tls/certified_key.hpp"

namespace marquee::tls {

class InternalCa;

class CertificateCache {
 public:
  // Runs a job on a thread that may block, never inside the call. False: the
  // queue is full.
  using Run = std::function<bool(std::function<void()>)>;
  using Load = std::function<Made<CertifiedKeys>(const CertificateSpec&, std::time_t now)>;
  using Clock = std::function<std::time_t()>;  // Unix seconds
  struct Loaded {
    std::shared_ptr<const CertifiedKeys> keys;  // or
    std::string error;                          // a sentence
    std::uint64_t generation = 0;               // when the load began
  };
  // Called once, on the loading thread or inside load(); only hands on.
  using Done = std::function<void(const Loaded&)>;

  // A certificate that the directory holds, as PEM; `error` is a sentence and then
  // the rest is empty. Wiped by its destructor.
  struct Stored {
    std::string chain;
    std::string key;
    std::string error;
    Stored() = default;
    Stored(Stored&&) = default;
    Stored& operator=(Stored&&) = default;
    ~Stored();
  };
  // Asks for it without blocking. `done` is called once, on any thread, perhaps
  // inside the call.
  using Fetch = std::function<void(const CertificateSpec&, std::function<void(Stored)> done)>;

  CertificateCache(std::size_t budget, Run run, Load load, Clock clock);
  ~CertificateCache();  // jobs that still run finish by themselves

  // Before the first find(): where specs with `stored` come from. Both outlive the
  // cache's jobs.
  void fetch_stored_by(Fetch fetch, IntermediateSet& intermediates);

  // What is cached; nullptr: load() it. Starts a renewal in the background when
  // one is due, and gives the old pair until it has expired.
  std::shared_ptr<const CertifiedKeys> find(const std::shared_ptr<const CertificateSpec>& spec);
  // Joins the load that runs, or starts one. False, without calling `done`: too
  // many loads wait.
  bool load(const std::shared_ptr<const CertificateSpec>& spec, Done done);
  // Takes a certificate out of service on all workers (handshakes under way keep it).
  void forget(const Digest& id);
  // Changes with every forget(): what a worker remembers from before is void.
  std::uint64_t generation() const;

  std::size_t bytes() const;
  std::size_t size() const;
  std::uint64_t loads() const;

  static constexpr std::size_t kMostLoads = 4096;   // different certificates at once
  static constexpr std::time_t kRetryRenewal = 60;  // seconds after a renewal failed

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

// Parses records; mints where a spec has none. `ca` may be nullptr where no
// domain needs it, and outlives the cache's jobs otherwise.
CertificateCache::Load certificate_loader(std::shared_ptr<const InternalCa> ca);

}  // namespace marquee::tls
