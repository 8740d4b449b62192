#include "app/directory_service.hpp"

#include <boost/asio/post.hpp>
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
                                   const config::Settings& settings, base::Logger& logger,
                                   DirectorySnapshot::Run blocking,
                                   std::function<void(std::span<const routing::Change>)> told)
    : logger_(logger),
      settings_(settings.directory.cache),
      cache_(*directory, options_of(settings_), [] { return routing::CacheTime::clock::now(); }),
      watch_(*directory, cache_, filter_),
      tenants_(tenants, {}),
      timer_(control),
      snapshot_(
          {*directory, cache_, logger, std::move(blocking),
           [&control](std::function<void()> job) { boost::asio::post(control, std::move(job)); }},
          settings, routing::directory_rules(settings).sites_base),
      directory_(std::move(directory)) {
  watch_.tell_too([this, told = std::move(told)](std::span<const routing::Change> changes) {
    tenants_.on_changes(changes);
    if (told) told(changes);
  });
  snapshot_.load();
}

DirectoryService::~DirectoryService() {
  watch_.stop();
  snapshot_.end();
  directory_.reset();
}

void DirectoryService::start() {
  watch_.start();
  tick();
}

void DirectoryService::tick() {
  const auto now = routing::CacheTime::clock::now();
  watch_.tick(now, settings_.check_interval);
  watch_reach();
  snapshot_.tick(now);
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

// Until it is first reached: who looks at a node that was just started should know
// that it serves what it knew before.
void DirectoryService::watch_reach() {
  const Reach reach = reach_;
  if (said_ != reach && snapshot_.state().loaded > 0) {
    if (reach == Reach::never)
      logger_.warn(
          "the directory is down: domains of the snapshot are served",
          {{"directory", directory_->description()}, {"domains", snapshot_.state().loaded}});
    else if (said_ == Reach::never)
      logger_.info("the directory is reached: domains of the snapshot are asked for anew",
                   {{"directory", directory_->description()}});
  }
  said_ = reach;
  if (reach == Reach::reached) return;
  directory_->generation([this](std::optional<std::uint64_t> generation, std::uint64_t) {
    reach_ = generation ? Reach::reached : Reach::never;
  });
}

bool DirectoryService::on_snapshot() const {
  return reach_ == Reach::never && snapshot_.state().loaded > 0;
}

void DirectoryService::flush(std::span<const std::string> names) { watch_.forget(names); }

}  // namespace marquee::app
