// The directory of domains with all that stands between it and the workers, in the
// order in which it starts and ends. Lives on the control thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>

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
  DirectoryService(boost::asio::io_context& control,
                   std::unique_ptr<routing::DomainDirectory> directory,
                   identity::TenantDirectory& tenants, const config::Directory& settings,
                   std::function<void(std::span<const routing::Change>)> told = {});
  ~DirectoryService();

  // Begins to listen for changes. Nothing waits for it: requests ask from now on.
  void start();

  proxy::DirectoryAccess access() { return {cache_, filter_}; }
  // How certificates of its rows are fetched; valid while this lives.
  tls::CertificateCache::Fetch certificates();
  routing::DomainDirectory& directory() { return *directory_; }
  // What is known of tenants beside their domains.
  identity::TenantCache& tenants() { return tenants_; }
  // Forgets one name, and whatever rests on it, on all workers at once.
  void flush(const std::string& name);

  routing::LookupCache::Counts counts() const { return cache_.counts(); }
  routing::DirectoryWatch::State state() const { return watch_.state(); }
  const routing::MembershipFilter& filter() const { return filter_; }

 private:
  void tick();

  const config::DirectoryCache settings_;
  routing::LookupCache cache_;
  routing::MembershipFilter filter_;
  routing::DirectoryWatch watch_;
  identity::TenantCache tenants_;
  boost::asio::steady_timer timer_;
  // The last: it answers what is open before it ends, to those above.
  std::unique_ptr<routing::DomainDirectory> directory_;
};

}  // namespace marquee::app
