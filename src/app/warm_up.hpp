// After a restart: certificates of the names that were asked for most are loaded in
// the background, two at a time, so that a handshake never waits behind more than
// that. Lives on the control thread, together with what its answers hold of it.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/hostname.hpp"
#include "base/log.hpp"
#include "proxy/snapshot.hpp"
#include "routing/lookup_cache.hpp"
#include "tls/certificate_cache.hpp"

namespace marquee::app {

class WarmUp : public std::enable_shared_from_this<WarmUp> {
 public:
  // All outlive the object's last job; after stop() none of them is used.
  struct Parts {
    routing::LookupCache& cache;
    tls::CertificateCache& certificates;
    base::Logger& logger;
    std::function<std::shared_ptr<const proxy::Snapshot>()> settings;
    std::function<void(std::function<void()>)> control;  // runs a job there, later
  };
  // `hosts`: the most used first.
  WarmUp(Parts parts, std::vector<base::Hostname> hosts);

  void start();
  void stop() { stopped_ = true; }

  struct Counts {
    std::uint64_t loaded = 0;
    std::uint64_t failed = 0;
    std::uint64_t without = 0;  // gone, or with a certificate that no directory holds
  };
  Counts counts() const { return counts_; }

  static constexpr int kParallel = 2;

 private:
  void next();
  void routed(const routing::LookupKeys& keys, const routing::LookupCache::Loaded& loaded);
  void over(std::uint64_t Counts::*what);

  Parts parts_;
  std::vector<base::Hostname> hosts_;
  std::size_t at_ = 0;
  int running_ = 0;
  bool stopped_ = false;
  Counts counts_;
  std::chrono::steady_clock::time_point begun_{};
};

}  // namespace marquee::app
