// The directory of domains within the program.
#include <sys/stat.h>

#include <boost/asio/post.hpp>

#include "app/program.hpp"
#include "base/uuid.hpp"
#include "identity/check.hpp"
#include "proxy/module_gate.hpp"
#include "proxy/origin_gate.hpp"
#include "proxy/password_gate.hpp"
#include "proxy/tenant_gate.hpp"
#include "store/context_keys.hpp"
#include "store/open_call_book.hpp"
#include "store/open_directory.hpp"
#include "store/open_domain_book.hpp"

namespace marquee::app {
namespace {

base::MetricSample sample(double value, std::vector<std::string> labels = {}) {
  base::MetricSample s;
  s.labels = std::move(labels);
  s.value = value;
  return s;
}

}  // namespace

// A file that Marquee makes has mode 0600. Another's is left as it is.
void Program::warn_of_readers(const config::Settings& settings) {
  if (settings.directory.kind != config::DirectoryKind::sqlite) return;
  const std::string path = store::sqlite_path(settings);
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && (found.st_mode & 0007) != 0)
    logger_.warn("the directory's file is open to every user, and has keys in it: chmod 0600",
                 {{"path", path}});
}

std::string Program::open_directory() {
  const auto blocking = [this](std::function<void()> job) {
    boost::asio::post(blocking_, std::move(job));
  };
  CertificateService::Parts certificates;
  certificates.settings = [this] { return snapshot_; };
  certificates.blocking = blocking;
  certificates.logger = &logger_;
  certificates.control = [this](std::function<void()> job) {
    boost::asio::post(control_, std::move(job));
  };
  warn_of_readers(snapshot_->settings());
  auto opened = store::open_directory(control_, snapshot_->settings(), logger_, blocking);
  if (opened.directory) {
    adapter_ = std::move(opened.status);
    directory_ = std::make_unique<DirectoryService>(
        control_, std::move(opened.directory), *opened.tenants, snapshot_->settings(), logger_,
        blocking,
        [this](std::span<const routing::Change> changes) { access_.on_changes(changes); });
    book_ = store::open_domain_book(control_, snapshot_->settings());
    calls_.open(store::open_call_book(control_, snapshot_->settings()));
    stored_keys_ = opened.keys;
    if (certificates_) certificates_->fetch_stored_by(directory_->certificates(), intermediates_);
    certificates.directory = directory_.get();
    certificates.store = opened.certificates;
    certificates.key = store::EncryptionKey::parse(snapshot_->settings().directory.encryption_key);
  }
  certificate_service_ = std::make_unique<CertificateService>(std::move(certificates));
  return opened.error;
}

// Before the first connection is accepted: keys of a local file are there at once.
std::string Program::open_context_keys() {
  const config::Settings& settings = snapshot_->settings();
  auto opened = store::open_key_store(control_, settings);
  if (!opened.store) return opened.error;
  context_keys_ = std::make_unique<ContextKeys>(
      control_, std::move(opened.store), logger_,
      [this](const std::shared_ptr<const identity::KeyRing>& keys) {
        on_all_workers([keys](Node& node) { node.front->set_context_keys(keys); });
      });
  context_keys_->put_in_force(settings.context);
  // A database may come later; a file that is no good now will not be better then.
  return identity::keys_in_directory(settings) ? std::string() : context_keys_->trouble();
}

// Before the first settings are put in force on them.
void Program::lend_directory() {
  if (!directory_) return;
  const config::DirectoryCache& settings = snapshot_->settings().directory.cache;
  base::Random random = base::Random::from_kernel();
  for (Node& node : nodes_) {
    proxy::RouteTable::Options options;
    options.entries = settings.worker_domains;
    options.unknown_burst = settings.unknown_burst;
    options.unknown_rate = settings.unknown_rate;
    options.seed = random.next();
    node.front->use_directory(directory_->access(), options);
    node.front->access().use_keys(stored_keys_);
  }
}

void Program::add_gates() {
  using Kind = proxy::GateKind;
  identity::TenantCache* const tenants = directory_ ? &directory_->tenants() : nullptr;
  passwords_ = std::make_unique<identity::PasswordChecker>();
  const config::DirectoryCache& bounds = snapshot_->settings().directory.cache;
  base::Random random = base::Random::from_kernel();
  for (Node& node : nodes_) {
    proxy::Front& front = *node.front;
    net::Worker& worker = *node.worker;
    const auto unknown = std::make_shared<tls::RefusalBudget>(
        bounds.unknown_burst, bounds.unknown_rate, random.next(), 4096);
    const auto post = [&worker](std::function<void()> job) { worker.post(std::move(job)); };
    net::Turn& turn = worker.turn();
    front.add_gate(Kind::origin, std::make_unique<proxy::OriginGate>(turn, tenants, post, unknown));
    front.add_gate(Kind::password, std::make_unique<proxy::PasswordGate>(turn, *passwords_, post));
    front.add_gate(Kind::tenant, std::make_unique<proxy::TenantGate>(turn, tenants, post, unknown));
    front.add_gate(Kind::module, std::make_unique<proxy::ModuleGate>(turn, tenants, post, unknown));
    front.add_gate(Kind::limits, *node.limits.gate);
  }
}

std::string Program::remark() {
  if (!directory_ || !directory_->on_snapshot()) return {};
  return "the directory is down; domains served from the snapshot: " +
         std::to_string(directory_->snapshot().state().loaded);
}

admin::DirectoryStatus Program::directory_status() const {
  const auto state = directory_->state();
  admin::DirectoryStatus out{directory_->directory().description(),
                             adapter_->words(),
                             state.feed.live,
                             state.feed.staleness,
                             state.generation,
                             directory_->counts().known,
                             {}};
  const DirectorySnapshot::State snapshot = directory_->snapshot().state();
  out.snapshot.file = snapshot.file;
  out.snapshot.loaded = snapshot.loaded;
  if (snapshot.refused != store::SnapshotFile::Refusal::none)
    out.snapshot.refused = name(snapshot.refused);
  out.snapshot.in_use = directory_->on_snapshot();
  out.snapshot.written = admin::WallTime(std::chrono::seconds(snapshot.written));
  out.snapshot.domains = snapshot.domains;
  out.snapshot.certificates = snapshot.certificates;
  out.snapshot.bytes = snapshot.bytes;
  return out;
}

// Certificates of the names that were asked for most before the restart.
void Program::warm_up() {
  const std::uint32_t most = snapshot_->settings().directory.snapshot.warm_up;
  if (!directory_ || !certificates_ || most == 0) return;
  std::vector<base::Hostname> hosts = directory_->snapshot().hosts();
  if (hosts.size() > most) hosts.erase(hosts.begin() + most, hosts.end());
  if (hosts.empty()) return;
  warm_up_ = std::make_shared<WarmUp>(
      WarmUp::Parts{
          directory_->cache(), *certificates_, logger_, [this] { return snapshot_; },
          [this](std::function<void()> job) { boost::asio::post(control_, std::move(job)); }},
      std::move(hosts));
  warm_up_->start();
}

void Program::declare_snapshot_metrics() {
  using base::MetricKind;
  using State = DirectorySnapshot::State;
  const auto told = [this](const char* name, const char* help, MetricKind kind, auto read) {
    registry_.collected({name, help}, kind, {}, [this, read](std::vector<base::MetricSample>& out) {
      if (directory_)
        out.push_back(sample(static_cast<double>(read(directory_->snapshot().state()))));
    });
  };
  told("marquee_directory_snapshot_loaded", "Domains of the snapshot file, at the start.",
       MetricKind::gauge, [](const State& s) { return s.loaded; });
  told("marquee_directory_snapshot_domains", "Domains in the snapshot file, as last written.",
       MetricKind::gauge, [](const State& s) { return s.domains; });
  told("marquee_directory_snapshot_written_seconds",
       "Unix time of the snapshot file, as last written; 0: not yet.", MetricKind::gauge,
       [](const State& s) { return s.written; });
  told("marquee_directory_snapshot_writes_total", "Times that the snapshot file was written.",
       MetricKind::counter, [](const State& s) { return s.writes; });
  told("marquee_directory_snapshot_write_failures_total",
       "Times that the snapshot file could not be written.", MetricKind::counter,
       [](const State& s) { return s.failures; });
  told("marquee_directory_snapshot_certificates_total",
       "Certificates taken from the snapshot file, as the directory was down.", MetricKind::counter,
       [](const State& s) { return s.certificates_served; });
  registry_.collected({"marquee_directory_snapshot_refused_total",
                       "Snapshot files that were not taken at the start, by reason."},
                      MetricKind::counter, {"reason"},
                      [this](std::vector<base::MetricSample>& out) {
                        if (!directory_) return;
                        const auto refused = directory_->snapshot().state().refused;
                        if (refused != store::SnapshotFile::Refusal::none)
                          out.push_back(sample(1, {std::string(name(refused))}));
                      });
  registry_.collected({"marquee_directory_on_snapshot",
                       "1 while the directory has not answered since the start and domains of "
                       "the snapshot file are served."},
                      MetricKind::gauge, {}, [this](std::vector<base::MetricSample>& out) {
                        if (directory_) out.push_back(sample(directory_->on_snapshot() ? 1 : 0));
                      });
  registry_.collected({"marquee_certificates_warmed_total",
                       "Certificates loaded in the background after the start, by result."},
                      MetricKind::counter, {"result"},
                      [this](std::vector<base::MetricSample>& out) {
                        if (!warm_up_) return;
                        const WarmUp::Counts c = warm_up_->counts();
                        out.push_back(sample(static_cast<double>(c.loaded), {"loaded"}));
                        out.push_back(sample(static_cast<double>(c.failed), {"failed"}));
                        out.push_back(sample(static_cast<double>(c.without), {"without"}));
                      });
}

void Program::declare_directory_metrics() {
  declare_snapshot_metrics();
  using base::MetricKind;
  registry_.collected({"marquee_access_key_fetches_total", "Fetches of key sets, by result."},
                      MetricKind::counter, {"result"},
                      [this](std::vector<base::MetricSample>& out) {
                        const auto& c = access_.counts();
                        out.push_back(sample(static_cast<double>(c.fetched), {"ok"}));
                        out.push_back(sample(static_cast<double>(c.failed), {"failed"}));
                      });
  registry_.collected({"marquee_access_forgets_total",
                       "Times that an operator had remembered proofs forgotten, by who was told."},
                      MetricKind::counter, {"result"},
                      [this](std::vector<base::MetricSample>& out) {
                        const char* const names[] = {"all_nodes", "this_node", "not_told"};
                        for (std::size_t i = 0; i < forgets_.size(); ++i)
                          out.push_back(sample(static_cast<double>(forgets_[i]), {names[i]}));
                      });
  registry_.collected(
      {"marquee_context_keys", "Keys of the tenant context that are known here."},
      MetricKind::gauge, {}, [this](std::vector<base::MetricSample>& out) {
        if (context_keys_)
          out.push_back(sample(static_cast<double>(context_keys_->ring().keys().size())));
      });
  using Counts = routing::LookupCache::Counts;
  const auto collected = [this](const char* name, const char* help, MetricKind kind, auto read) {
    registry_.collected({name, help}, kind, {}, [this, read](std::vector<base::MetricSample>& out) {
      if (!directory_) return;
      out.push_back(sample(static_cast<double>(read(*directory_))));
    });
  };
  collected("marquee_directory_feed_live", "1 while changes of the directory are reported.",
            MetricKind::gauge,
            [](const DirectoryService& d) { return d.state().feed.live ? 1 : 0; });
  collected("marquee_directory_generation", "Generation of the directory, as last heard.",
            MetricKind::gauge, [](const DirectoryService& d) { return d.state().generation; });
  collected("marquee_directory_changes_total", "Changes that the directory reported.",
            MetricKind::counter, [](const DirectoryService& d) { return d.state().changes; });
  collected("marquee_directory_missed_total", "Times that the reports had left something out.",
            MetricKind::counter, [](const DirectoryService& d) { return d.state().missed; });
  collected("marquee_directory_filter_names", "Names in the membership filter; 0: none in force.",
            MetricKind::gauge, [](const DirectoryService& d) {
              return d.filter().in_force() ? d.filter().names() : 0;
            });
  collected("marquee_directory_filter_bytes", "Memory of the membership filter.", MetricKind::gauge,
            [](const DirectoryService& d) { return d.filter().bytes(); });
  const auto count = [collected](const char* name, const char* help, MetricKind kind, auto member) {
    collected(name, help, kind, [member](const DirectoryService& d) { return d.counts().*member; });
  };
  count("marquee_directory_known_names", "Names in the process's cache.", MetricKind::gauge,
        &Counts::known);
  count("marquee_directory_cache_bytes", "Memory of these, estimated.", MetricKind::gauge,
        &Counts::bytes);
  count("marquee_directory_negative_names", "Names remembered as nobody's.", MetricKind::gauge,
        &Counts::negatives);
  count("marquee_directory_lookups_waiting", "Look-ups under way or waiting.", MetricKind::gauge,
        &Counts::in_flight);
  count("marquee_directory_lookups_total", "Look-ups that were begun.", MetricKind::counter,
        &Counts::loads);
  count("marquee_directory_lookup_failures_total", "Look-ups that were not answered.",
        MetricKind::counter, &Counts::failures);
  count("marquee_directory_lookup_restarts_total",
        "Look-ups begun anew, as a change overtook them.", MetricKind::counter, &Counts::restarts);
  count("marquee_directory_lookups_refused_total", "Look-ups not begun, as too many waited.",
        MetricKind::counter, &Counts::refused);
  const auto told = [this](const char* name, const char* help, auto member) {
    registry_.collected(
        {name, help}, MetricKind::counter, {},
        [this, member](std::vector<base::MetricSample>& out) {
          if (!adapter_) return;
          out.push_back(sample(static_cast<double>((adapter_.get()->*member).load())));
        });
  };
  told("marquee_directory_faulty_rows_total", "Rows read with a part that could not be used.",
       &store::AdapterStatus::faulty_rows);
  told("marquee_directory_questions_failed_total", "Questions that the database did not answer.",
       &store::AdapterStatus::failures);
  told("marquee_directory_connects_total", "Connections to the database, or openings of its file.",
       &store::AdapterStatus::connects);
  registry_.collected(
      {"marquee_tenant_facts_total",
       "Facts of tenants that gates asked for (members, sites, origins, routes), by "
       "result."},
      MetricKind::counter, {"result"}, [this](std::vector<base::MetricSample>& out) {
        if (!directory_) return;
        const auto c = directory_->tenants().counts();
        out.push_back(sample(static_cast<double>(c.hits), {"hit"}));
        out.push_back(sample(static_cast<double>(c.misses), {"miss"}));
        out.push_back(sample(static_cast<double>(c.failures), {"failed"}));
        out.push_back(sample(static_cast<double>(c.refused), {"refused"}));
      });
  registry_.collected({"marquee_directory_cache_answers_total",
                       "What the process's cache said to workers that did not know, by result."},
                      MetricKind::counter, {"result"},
                      [this](std::vector<base::MetricSample>& out) {
                        if (!directory_) return;
                        const Counts c = directory_->counts();
                        out.push_back(sample(static_cast<double>(c.hits), {"fresh"}));
                        out.push_back(sample(static_cast<double>(c.stale), {"stale"}));
                        out.push_back(sample(static_cast<double>(c.negative), {"negative"}));
                        out.push_back(sample(static_cast<double>(c.misses), {"miss"}));
                      });
}

}  // namespace marquee::app
