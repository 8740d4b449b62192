#include "app/limit_service.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdio>

#include "limits/check.hpp"
#include "store/cluster_counters.hpp"

namespace marquee::app {
namespace {

constexpr std::size_t kShownTenants = 20;

base::MetricSample sample(std::vector<std::string> labels, std::uint64_t value) {
  base::MetricSample out;
  out.labels = std::move(labels);
  out.value = static_cast<double>(value);
  return out;
}

// "127.0.0.1:6379", "cluster a:1, b:2", "main behind sentinels a:1, b:2".
std::string described(const config::LimitRedis& redis) {
  if (!redis.address->empty() || !redis.given()) return *redis.address;
  const bool cluster = !redis.cluster.empty();
  std::string out = cluster ? "cluster" : *redis.master + " behind sentinels";
  const char* before = " ";
  for (const auto& server : cluster ? redis.cluster : redis.sentinels) {
    out.append(before).append(*server);
    before = ", ";
  }
  return out;
}

}  // namespace

LimitService::LimitService(boost::asio::io_context& control, base::Registry& registry,
                           base::Logger& logger)
    : control_(control),
      registry_(registry),
      logger_(logger),
      metrics_(registry),
      redis_metrics_(registry) {
  registry.collected({"marquee_limits_evictions_total",
                      "Rate limit counters in use that had to leave for new ones."},
                     base::MetricKind::counter, {}, [this](std::vector<base::MetricSample>& out) {
                       if (store_) out.push_back(sample({}, store_->evictions()));
                     });
  registry.collected({"marquee_limits_nodes", "Nodes that share the limits, as Redis counts them."},
                     base::MetricKind::gauge, {}, [this](std::vector<base::MetricSample>& out) {
                       out.push_back(sample({}, fleet_.nodes.load()));
                     });
  registry.collected(
      {"marquee_limits_top_refused", "Refusals of the tenants that are refused most, at most 20."},
      base::MetricKind::gauge, {"rule", "tenant"}, [this](std::vector<base::MetricSample>& out) {
        for (limits::TopRefused::Place& place : most_refused())
          out.push_back(sample({std::move(place.rule), std::move(place.tenant)}, place.count));
      });
}

std::vector<limits::TopRefused::Place> LimitService::most_refused() const {
  std::vector<limits::TopRefused::Place> places;
  for (const proxy::LimitGate* gate : gates_) gate->top_refused().add_to(places);
  limits::TopRefused::cut(places, kShownTenants);
  return places;
}

admin::LimitsStatus LimitService::status() const {
  admin::LimitsStatus out;
  out.redis = described(redis_);
  out.mode = !redis_.given() ? "local" : fleet_.leased ? "leased" : "exact";
  out.nodes = nodes();
  out.workers = static_cast<std::uint32_t>(places_.size());
  out.masters = fleet_.masters;
  out.masters_asked = out.masters;
  for (const auto& asked : fleet_.masters_asked)
    out.masters_asked = std::min(out.masters_asked, asked.load());
  out.capacity = store_->capacity();
  out.evictions = store_->evictions();
  for (limits::TopRefused::Place& place : most_refused())
    out.top_refused.push_back({std::move(place.rule), std::move(place.tenant), place.count});
  for (const base::MetricSnapshot& family : registry_.scrape()) {
    double sum = 0;
    for (const base::MetricSample& one : family.samples) sum += one.value;
    const auto value = static_cast<std::uint64_t>(sum);
    if (family.name == "marquee_limits_redis_ready_workers")
      out.asking = static_cast<std::uint32_t>(value);
    if (family.name == "marquee_limits_redis_breaker_opened_total") out.breaker_opened = value;
    if (family.name == "marquee_limits_fallbacks_total") out.fallbacks = value;
  }
  return out;
}

void LimitService::stop() {
  names_.reset();
  finder_.reset();
  places_.clear();
  gates_.clear();
}

std::string LimitService::open(const config::Settings& settings, std::uint32_t workers) {
  base::Random random = base::Random::from_kernel();
  const config::RateLimits& limits = settings.rate_limits;
  store_ = std::make_unique<limits::LocalStore>(limits.memory,
                                                limits::HashSeed{random.next(), random.next()});
  redis_ = limits.redis;
  if (!redis_.given()) return {};
  char node[17];
  std::snprintf(node, sizeof node, "%016llx", static_cast<unsigned long long>(random.next()));
  fleet_.node = node;
  fleet_.key_prefix = redis_.key_prefix;
  fleet_.timeout = redis_.timeout;
  fleet_.leased = limits.mode == config::LimitMode::leased;
  fleet_.workers = workers;
  fleet_.masters_asked = std::vector<std::atomic<std::uint32_t>>(workers);
  fleet_.look_again = [this] {
    if (looks_.exchange(true)) return;  // one is on its way
    boost::asio::post(control_, [this] {
      looks_ = false;
      if (finder_) finder_->look_again();
    });
  };
  if (redis_.tls) {
    std::string error;
    tls_ = net::TlsClientContext::make(redis_.ca_file, error);
    if (!tls_) return "rate_limits.redis: " + error;
  }
  return {};
}

LimitService::Part LimitService::make_part(net::Worker& worker, base::Cells& cells) {
  Part out;
  if (redis_.given()) {
    net::RedisSettings settings;
    settings.master_only = !redis_.sentinels.empty();
    settings.username = redis_.username;
    settings.password = redis_.password;
    settings.database = redis_.database;
    settings.tls = tls_;
    settings.server_name = redis_.server_name;
    if (settings.server_name.empty())
      if (const auto place = limits::parse_redis_address(*redis_.address))
        settings.server_name = place->host;
    const bool first = worker.index() == 0;
    if (redis_.cluster.empty())
      out.shared = std::make_unique<store::RedisCounters>(worker, std::move(settings), fleet_,
                                                          first, redis_metrics_, cells, logger_);
    else
      out.shared = std::make_unique<store::ClusterCounters>(worker, std::move(settings), fleet_,
                                                            first, redis_metrics_, cells, logger_);
  }
  out.gate = std::make_unique<proxy::LimitGate>(worker.turn(), *store_, out.shared.get(), metrics_,
                                                cells, worker.index());
  gates_.push_back(out.gate.get());
  if (out.shared) places_.push_back({&worker, out.shared.get()});
  return out;
}

void LimitService::start(Publish publish) {
  const auto place = limits::parse_redis_address(*redis_.address);
  if (!place) return find(std::move(publish));
  if (!place->path.empty()) return publish({{{place->path, {}, 0}}, false, nullptr});
  resolver_ = std::make_unique<net::Resolver>(control_, net::ResolverSettings{});
  names_ = std::make_unique<net::ResolvedSet>(
      control_, *resolver_, std::vector<net::ResolvedSet::Name>{{place->host}},
      [publish, port = place->port](const std::string&, const net::Addresses& addresses) {
        std::vector<net::RedisAddress> out;
        for (const base::IpAddress& ip : *addresses) out.push_back({{}, ip, port});
        publish({std::move(out), false, nullptr});
      },
      [this](const std::string& name, const net::ResolveResult& result) {
        logger_.warn("cannot find Redis", {{"name", name}, {"reason", result.sentence}});
      });
}

// By those who know: sentinels, or the nodes of a cluster.
void LimitService::find(Publish publish) {
  if (!redis_.given()) return;
  const bool cluster = !redis_.cluster.empty();
  store::RedisFinder::Settings settings;
  for (const auto& text : cluster ? redis_.cluster : redis_.sentinels)
    if (const auto place = limits::parse_redis_address(*text))
      settings.servers.push_back({place->host, place->port});
  settings.master = *redis_.master;
  settings.username = cluster ? redis_.username : redis_.sentinel_username;
  settings.password = cluster ? redis_.password : redis_.sentinel_password;
  settings.tls = tls_;
  settings.server_name = redis_.server_name;
  resolver_ = std::make_unique<net::Resolver>(control_, net::ResolverSettings{});
  finder_ = std::make_unique<store::RedisFinder>(control_, *resolver_, std::move(settings),
                                                 std::move(publish), logger_);
}

std::shared_ptr<const proxy::LimitPlan> LimitService::plan(const config::Settings& settings) {
  plan_ = proxy::make_limit_plan(settings, metrics_, registry_);
  return plan_;
}

}  // namespace marquee::app
