#include "app/warm_up.hpp"

#include "routing/directory_domain.hpp"

namespace marquee::app {

using routing::LookupCache;

WarmUp::WarmUp(Parts parts, std::vector<base::Hostname> hosts)
    : parts_(std::move(parts)), hosts_(std::move(hosts)) {}

void WarmUp::start() {
  begun_ = std::chrono::steady_clock::now();
  for (int i = 0; i < kParallel; ++i) next();
}

void WarmUp::next() {
  if (stopped_) return;
  if (at_ == hosts_.size()) {
    if (running_ != 0) return;
    running_ = -1;  // said once
    parts_.logger.info("certificates loaded ahead of need",
                       {{"loaded", counts_.loaded},
                        {"failed", counts_.failed},
                        {"without", counts_.without},
                        {"took", std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::steady_clock::now() - begun_)}});
    return;
  }
  ++running_;
  const routing::LookupKeys keys =
      routing::keys_of(hosts_[at_++], parts_.settings()->directory_rules().sites_base);
  // The routing answer of the snapshot is asked for anew on the way.
  const bool taken =
      parts_.cache.load(keys, [self = shared_from_this(), keys](const LookupCache::Loaded& loaded) {
        self->parts_.control([self, keys, loaded] { self->routed(keys, loaded); });
      });
  if (!taken) parts_.control([self = shared_from_this()] { self->over(&Counts::failed); });
}

void WarmUp::routed(const routing::LookupKeys& keys, const LookupCache::Loaded& loaded) {
  if (stopped_) return;
  if (loaded.status != LookupCache::Status::known) return over(&Counts::without);
  const auto snapshot = parts_.settings();
  const routing::DirectoryRules& rules = snapshot->directory_rules();
  const routing::Resolution resolution =
      routing::resolve(keys, loaded.answer->answer, rules.states);
  if (resolution.kind == routing::Resolution::Kind::none) return over(&Counts::without);
  auto domain = routing::make_domain(snapshot->settings(), rules, resolution);
  if (!domain || domain->certificate_source != routing::CertificateSource::directory)
    return over(&Counts::without);
  const auto plan = proxy::make_plan(std::move(domain), snapshot->settings(), nullptr);
  const auto& spec = plan->certificate.spec;
  if (!spec) return over(&Counts::without);
  const auto self = shared_from_this();
  const bool taken =
      parts_.certificates.load(spec, [self](const tls::CertificateCache::Loaded& certificate) {
        const auto what = certificate.keys ? &Counts::loaded : &Counts::failed;
        self->parts_.control([self, what] { self->over(what); });
      });
  if (!taken) over(&Counts::failed);
}

void WarmUp::over(std::uint64_t Counts::*what) {
  ++(counts_.*what);
  --running_;
  next();
}

}  // namespace marquee::app
