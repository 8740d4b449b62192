#include "app/directory_service.hpp"

#include <chrono>
#include <utility>

namespace marquee::app {
namespace {

routing::LookupCache::Options options_of(const config::DirectoryCache& c) {
  routing::LookupCache::Options out;
  out.ttl = c.ttl;
  out.max_stale = c.max_stale;
  out.negative_ttl = c.negative_ttl;
  out.bytes = c.domains;
  out.negative_names = c.negative_names;
  out.lookups = c.lookups;
  out.waiting = c.waiting;
  return out;
}

}  // namespace

DirectoryService::DirectoryService(boost::asio::io_context& control,
                                   std::unique_ptr<routing::DomainDirectory> directory,
                                   identity::TenantDirectory& tenants,
                                   const config::Directory& settings,
                                   std::function<void(std::span<const routing::Change>)> told)
    : settings_(settings.cache),
      cache_(*directory, options_of(settings.cache),
             [] { return routing::CacheTime::clock::now(); }),
      watch_(*directory, cache_, filter_),
      tenants_(tenants, {}),
      timer_(control),
      directory_(std::move(directory)) {
  watch_.tell_too([this, told = std::move(told)](std::span<const routing::Change> changes) {
    tenants_.on_changes(changes);
    if (told) told(changes);
  });
}

DirectoryService::~DirectoryService() {
  watch_.stop();
  directory_.reset();
}

void DirectoryService::start() {
  watch_.start();
  tick();
}

void DirectoryService::tick() {
  watch_.tick(routing::CacheTime::clock::now(), settings_.check_interval);
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

void DirectoryService::flush(const std::string& name) {
  const routing::Change change{routing::Change::What::name, name};
  cache_.on_changes({&change, 1});
}

tls::CertificateCache::Fetch DirectoryService::certificates() {
  return [this](const tls::CertificateSpec& spec,
                std::function<void(tls::CertificateCache::Stored)> done) {
    directory_->load_certificate(
        spec.stored.value(), spec.row,
        [done = std::move(done)](routing::StoredCertificate certificate) {
          tls::CertificateCache::Stored out;
          if (certificate.status == routing::StoredCertificate::Status::found) {
            out.chain = std::move(certificate.chain);
            out.key = std::move(certificate.key);
          } else {
            out.error = certificate.failure.sentence.empty()
                            ? "the directory has no certificate for it"
                            : std::move(certificate.failure.sentence);
          }
          done(std::move(out));
        });
  };
}

}  // namespace marquee::app
