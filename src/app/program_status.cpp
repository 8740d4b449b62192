// What the admin listener is told, and the metrics that are not the workers'.
#include <unistd.h>

#include "app/program.hpp"

namespace marquee::app {
namespace {

std::string state_text(proxy::HealthState s) {
  switch (s) {
    case proxy::HealthState::healthy:
      return "up";
    case proxy::HealthState::ejected:
      return "ejected";
    case proxy::HealthState::probing:
      return "probing";
  }
  return "up";
}

base::MetricSample sample(double value, std::vector<std::string> labels = {}) {
  base::MetricSample s;
  s.labels = std::move(labels);
  s.value = value;
  return s;
}

}  // namespace

admin::Status Program::status() {
  admin::Status s;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  s.version = MARQUEE_VERSION;
  s.pid = ::getpid();
  s.started = started_;
  s.uptime = now - started_;
  s.state = state_;
  s.workers = static_cast<std::uint32_t>(nodes_.size());
  for (const OpenListener& l : listeners_)
    s.listeners.push_back(
        {l.settings.address, l.facts->address, l.facts->secure() ? "https" : "http"});
  s.settings_file = path_;
  s.last_reload = last_reload_;
  s.snapshots_alive = snapshots_alive();
  s.connections = shared_.connections.load(std::memory_order_relaxed);
  s.overload = overload_status();
  if (directory_) s.directory = directory_status();
  for (const base::MetricSnapshot& m : registry_.scrape()) {
    if (m.name == "marquee_connections_refused_total")
      for (const auto& point : m.samples)
        s.overload.refused.emplace_back(point.labels.back(),
                                        static_cast<std::uint64_t>(point.value));
    if (m.name == "marquee_accept_pauses_total")
      s.overload.accept_pauses = static_cast<std::uint64_t>(m.samples.front().value);
    if (m.name == "marquee_requests_in_flight")
      s.requests_in_flight = static_cast<std::uint64_t>(m.samples.front().value);
    if (m.name != "marquee_requests_total") continue;
    std::vector<std::uint64_t> by_class(6);
    for (const auto& point : m.samples)
      for (std::size_t i = 0; i < by_class.size(); ++i)
        if (point.labels.back() == name(static_cast<proxy::StatusClass>(i)))
          by_class[i] += static_cast<std::uint64_t>(point.value);
    for (std::size_t i = 0; i < by_class.size(); ++i)
      if (by_class[i])
        s.requests.emplace_back(name(static_cast<proxy::StatusClass>(i)), by_class[i]);
  }
  for (const auto& group : upstreams_.in_force()) {
    for (const auto& endpoint : group->endpoints) {
      s.upstream_connections += endpoint->connections.load(std::memory_order_relaxed);
      s.upstreams.push_back({group->name, endpoint->text, state_text(endpoint->health.state()),
                             endpoint->failures.load(std::memory_order_relaxed),
                             endpoint->connections.load(std::memory_order_relaxed)});
    }
  }
  if (certificates_) s.certificates_loaded = certificates_->size();
  if (access_log_) {
    const base::LogWriter::Stats log = access_log_->stats();
    s.log_written = log.written_records;
    s.log_lost = log.lost();
    if (log.last_error)
      s.log_error = std::error_code(log.last_error, std::generic_category()).message();
  }
  return s;
}

std::uint32_t Program::snapshots_alive() {
  std::erase_if(old_snapshots_, [](const auto& old) { return old.expired(); });
  return static_cast<std::uint32_t>(old_snapshots_.size() + 1);
}

void Program::declare_metrics() {
  using base::MetricKind;
  auto gauge = [this](const char* name, const char* help, auto read) {
    registry_.collected({name, help}, MetricKind::gauge, {},
                        [read](std::vector<base::MetricSample>& out) {
                          out.push_back(sample(static_cast<double>(read())));
                        });
  };
  gauge("marquee_snapshots_alive", "Settings in memory: 1, and those that requests still use.",
        [this] { return snapshots_alive(); });
  gauge("marquee_certificates_loaded", "Parsed certificates in the cache.",
        [this] { return certificates_ ? certificates_->size() : 0; });
  gauge("marquee_certificate_cache_bytes", "Memory of the parsed certificates.",
        [this] { return certificates_ ? certificates_->bytes() : 0; });
  registry_.collected({"marquee_certificate_loads_total", "Certificates parsed or minted."},
                      MetricKind::counter, {}, [this](std::vector<base::MetricSample>& out) {
                        const auto loads = certificates_ ? certificates_->loads() : 0;
                        out.push_back(sample(static_cast<double>(loads)));
                      });
  gauge("marquee_domains", "Domains in the settings.",
        [this] { return snapshot_->settings().domains.size(); });
  gauge("marquee_last_reload_success", "1 when the last reload, or the start, was good.",
        [this] { return last_reload_.ok ? 1 : 0; });
  gauge("marquee_resident_memory_bytes", "Resident memory of the process, as last sampled.",
        [this] { return resident_; });
  gauge("marquee_memory_limit_bytes", "Resident memory from which new connections are refused.",
        [this] { return memory_limit(); });
  gauge("marquee_memory_short", "1 while new connections are refused for want of memory.",
        [this] { return shared_.memory_short.load(std::memory_order_relaxed) ? 1 : 0; });
  gauge("marquee_listeners_paused", "Listeners, of each worker, that wait for descriptors.",
        [this] { return shared_.paused_listeners.load(std::memory_order_relaxed); });
  registry_.collected({"marquee_reloads_total", "Reloads by result."}, MetricKind::counter,
                      {"result"}, [this](std::vector<base::MetricSample>& out) {
                        out.push_back(sample(static_cast<double>(reloads_good_), {"ok"}));
                        out.push_back(sample(static_cast<double>(reloads_bad_), {"refused"}));
                      });
  auto log_counter = [this](const char* name, const char* help, auto read) {
    registry_.collected({name, help}, MetricKind::counter, {},
                        [this, read](std::vector<base::MetricSample>& out) {
                          const base::LogWriter::Stats log =
                              access_log_ ? access_log_->stats() : base::LogWriter::Stats{};
                          out.push_back(sample(static_cast<double>(read(log))));
                        });
  };
  log_counter("marquee_access_log_records_total", "Access records written.",
              [](const base::LogWriter::Stats& log) { return log.written_records; });
  log_counter("marquee_access_log_dropped_total",
              "Access records lost: the disk was full, failed, or too slow.",
              [](const base::LogWriter::Stats& log) { return log.lost(); });
  registry_.collected(
      {"marquee_upstream_up", "1 when requests go to the endpoint."}, MetricKind::gauge,
      {"pool", "endpoint"}, [this](std::vector<base::MetricSample>& out) {
        for (const auto& group : upstreams_.in_force())
          for (const auto& e : group->endpoints)
            out.push_back(sample(e->health.state() == proxy::HealthState::healthy ? 1 : 0,
                                 {group->name, e->text}));
      });
  registry_.collected(
      {"marquee_build_info", "Always 1; the version is a label."}, MetricKind::gauge, {"version"},
      [](std::vector<base::MetricSample>& out) { out.push_back(sample(1, {MARQUEE_VERSION})); });
}

}  // namespace marquee::app
