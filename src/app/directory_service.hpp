// The directory of domains with all that stands between it and the workers, in the
// order in which it starts and ends. Lives on the control thread.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "app/directory_snapshot.hpp"
#include "base/log.hpp"
#include "config/settings.hpp"
#include "identity/tenant_cache.hpp"
#include "proxy/route_table.hpp"
#include "routing/directory.hpp"
#include "routing/directory_watch.hpp"
#include "tls/certificate_cache.hpp"

namespace marquee::app {

class DirectoryService {
 public:
  // `told`: of every change, after the cache was, on a thread of the directory's.
  // `blocking` runs a job where it may block; it and `logger` outlive this. Takes what
  // the snapshot file holds.
  DirectoryService(boost::asio::io_context& control,
                   std::unique_ptr<routing::DomainDirectory> directory,
                   identity::TenantDirectory& tenants, const config::Settings& settings,
                   base::Logger& logger, DirectorySnapshot::Run blocking,
                   std::function<void(std::span<const routing::Change>)> told = {});
  ~DirectoryService();

  // Begins to listen for changes. Nothing waits for it: requests ask from now on.
  void start();
  // At a clean stop: what is known goes into the snapshot file. Blocks.
  void save() { snapshot_.save(); }

  proxy::DirectoryAccess access() { return {cache_, filter_}; }
  // How certificates of its rows are fetched; valid while this lives.
  tls::CertificateCache::Fetch certificates() { return snapshot_.certificates(); }
  routing::DomainDirectory& directory() { return *directory_; }
  // What is known of tenants beside their domains.
  identity::TenantCache& tenants() { return tenants_; }
  routing::LookupCache& cache() { return cache_; }
  // Forgets names, and whatever rests on them, on all workers at once.
  void flush(std::span<const std::string> names);

  routing::LookupCache::Counts counts() const { return cache_.counts(); }
  routing::DirectoryWatch::State state() const { return watch_.state(); }
  const routing::MembershipFilter& filter() const { return filter_; }
  const DirectorySnapshot& snapshot() const { return snapshot_; }
  // The directory has not answered since the start, and the snapshot's domains are served.
  bool on_snapshot() const;

 private:
  enum class Reach : std::uint8_t { unknown, never, reached };
  void tick();
  void watch_reach();

  base::Logger& logger_;
  const config::DirectoryCache settings_;
  routing::LookupCache cache_;
  routing::MembershipFilter filter_;
  routing::DirectoryWatch watch_;
  identity::TenantCache tenants_;
  boost::asio::steady_timer timer_;
  std::atomic<Reach> reach_{Reach::unknown};
  Reach said_ = Reach::unknown;
  DirectorySnapshot snapshot_;
  // The last: it answers what is open before it ends, to those above.
  std::unique_ptr<routing::DomainDirectory> directory_;
};

}  // namespace marquee::app
