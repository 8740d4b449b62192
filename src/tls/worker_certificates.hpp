// A worker's own table before the certificate cache: a warm handshake takes no
// lock. Lives and is called on one worker's thread.
#pragma once
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>

#include "tls/admission.hpp"
#include "tls/certificate_cache.hpp"

namespace marquee::tls {

class WorkerCertificates final : public CertificateSource {
 public:
  // Runs a job on this worker's thread, later; called from any thread, also
  // after this object is gone (the job then does nothing).
  using Post = std::function<void(std::function<void()>)>;
  // Tells the connection {slot, generation} that its certificate is there, or
  // will not come; its handshake() says which. A waiter may be gone by then.
  using Tell = std::function<void(std::uint64_t waiter)>;

  // `budget`: bytes of pairs that this worker keeps alive, beside the cache's.
  WorkerCertificates(CertificateCache& cache, std::size_t budget, Post post, Tell tell,
                     CertificateCache::Clock clock);
  ~WorkerCertificates() override;

  CertificateLookup find(const std::shared_ptr<const CertificateSpec>& spec,
                         std::uint64_t waiter) override;
  std::size_t waiting() const;  // connections that wait for a load

  static constexpr std::size_t kMostWaiters = 16384;  // per certificate
  static constexpr std::time_t kFailed = 5;           // seconds until a failed load is tried again

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace marquee::tls
