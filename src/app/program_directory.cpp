// The directory of domains within the program.
#include "app/program.hpp"
#include "base/uuid.hpp"
#include "identity/check.hpp"
#include "store/context_keys.hpp"
#include "store/open_directory.hpp"

namespace marquee::app {
namespace {

base::MetricSample sample(double value, std::vector<std::string> labels = {}) {
  base::MetricSample s;
  s.labels = std::move(labels);
  s.value = value;
  return s;
}

}  // namespace

std::string Program::open_directory() {
  auto opened = store::open_directory(control_, snapshot_->settings(), logger_);
  if (!opened.directory) return opened.error;
  adapter_ = std::move(opened.status);
  directory_ = std::make_unique<DirectoryService>(control_, std::move(opened.directory),
                                                  snapshot_->settings().directory);
  if (certificates_) certificates_->fetch_stored_by(directory_->certificates(), intermediates_);
  return {};
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
  }
}

void Program::declare_directory_metrics() {
  using base::MetricKind;
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
