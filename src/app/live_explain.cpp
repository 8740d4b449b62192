#include "app/live_explain.hpp"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include "app/explain.hpp"
#include "routing/directory_domain.hpp"

namespace marquee::app {
namespace {

using routing::CacheTime;
using Status = routing::LookupCache::Status;

// One answer of the directory, and how it was come by.
struct Heard {
  Status status = Status::unavailable;
  routing::Answer answer;
  bool asked = false;  // just now, and not from the cache
  bool stale = false;
};

std::string_view word(const Heard& heard) {
  if (heard.status == Status::unavailable) return "unavailable";
  if (heard.asked) return "asked";
  if (heard.status == Status::absent) return "negative";
  return heard.stale ? "stale" : "fresh";
}

std::string words(const Heard& heard, const std::string& where, std::int64_t age_ms) {
  if (heard.status == Status::unavailable) return where + " does not answer, and nothing is known";
  const std::string rows =
      heard.status == Status::absent
          ? "nobody has the name"
          : std::to_string(heard.answer ? heard.answer->answer.rows.size() : 0) + " row(s)";
  if (heard.asked) return where + ", asked just now: " + rows;
  if (!heard.answer) return where + ", remembered (negative): " + rows;
  const std::string age = std::to_string(age_ms / 1000) + "." + std::to_string(age_ms % 1000 / 100);
  return where + ", from the cache, " + age + " s old" +
         (heard.stale ? ", stale: it is asked for anew meanwhile" : ", fresh") + ", generation " +
         std::to_string(heard.answer->answer.generation) + ": " + rows;
}

std::string unserved(const routing::DomainRecord& row, const routing::StatePolicy& policy) {
  std::string out = "the row " + row.row + " (" + std::string(name(row.kind)) + ") has status " +
                    std::string(name(row.status)) + " and is not served";
  if (row.status == routing::DomainStatus::active && !row.proven && !policy.trust_status)
    out += ": trust_directory_status is false, and there is no proof for it";
  return out;
}

struct Work {
  std::shared_ptr<const proxy::Snapshot> snapshot;
  std::string where, method, url;
  routing::LookupKeys keys;
  std::function<void(std::string)> done;
};

void finish(const Work& work, const Heard& heard) {
  const config::Settings& settings = work.snapshot->settings();
  const auto rules = routing::directory_rules(settings);
  const std::int64_t age = heard.answer ? std::chrono::duration_cast<std::chrono::milliseconds>(
                                              CacheTime::clock::now() - heard.answer->loaded)
                                              .count()
                                        : 0;
  DirectoryFinding finding;
  finding.words = words(heard, work.where, age);
  finding.available = heard.status != Status::unavailable;
  if (heard.status == Status::known && heard.answer) {
    const auto resolution = resolve(work.keys, heard.answer->answer, rules.states);
    finding.match = resolution.match;
    finding.conflicts = resolution.conflicts;
    if (resolution.kind != routing::Resolution::Kind::none) {
      finding.domain = make_domain(settings, rules, resolution);
      if (!finding.domain)
        finding.unserved =
            "rows of this kind lead nowhere: set directory.modules or directory.sites";
    } else if (resolution.record) {
      finding.unserved = unserved(*resolution.record, rules.states);
    }
  }
  auto out =
      boost::json::parse(explanation_json(explain(settings, work.method, work.url, &finding)))
          .as_object();
  boost::json::object directory{{"where", work.where},
                                {"answer", std::string(word(heard))},
                                {"age_ms", nullptr},
                                {"generation", nullptr}};
  if (heard.answer) {
    directory["age_ms"] = age;
    directory["generation"] = heard.answer->answer.generation;
  }
  out["directory"] = std::move(directory);
  work.done(boost::json::serialize(out));
}

}  // namespace

void explain_live(boost::asio::io_context& control, std::shared_ptr<const proxy::Snapshot> snapshot,
                  DirectoryService* directory, const std::string& method, const std::string& url,
                  std::function<void(std::string)> done) {
  const config::Settings& settings = snapshot->settings();
  const auto host = directory ? directory_host(settings, url) : std::nullopt;
  if (!host) {
    auto out = boost::json::parse(explanation_json(explain(settings, method, url))).as_object();
    out["directory"] = nullptr;
    return done(boost::json::serialize(out));
  }
  const auto rules = routing::directory_rules(settings);
  const auto work = std::make_shared<const Work>(
      Work{std::move(snapshot), directory->directory().description(), method, url,
           routing::keys_of(*host, rules.sites_base), std::move(done)});
  routing::LookupCache& cache = directory->access().cache;
  const auto looked = cache.look(work->keys, CacheTime::clock::now());
  if (looked.status != Status::miss && looked.status != Status::suspect)
    return finish(*work, {looked.status, looked.answer, false, looked.stale});
  const bool begun =
      cache.load(work->keys, [&control, work](const routing::LookupCache::Loaded& loaded) {
        boost::asio::post(control, [work, loaded] {
          finish(*work, {loaded.status, loaded.answer, true, false});
        });
      });
  if (!begun) finish(*work, {});
}

}  // namespace marquee::app
