// Rate limits of the process: the counters that workers share, their connections to
// Redis where there is one, and the rules in force. Lives on the control thread.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/limit_port.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "config/settings.hpp"
#include "limits/local_store.hpp"
#include "net/resolver.hpp"
#include "proxy/limit_gate.hpp"
#include "store/redis_counters.hpp"
#include "store/redis_finder.hpp"

namespace marquee::app {

class LimitService {
 public:
  // Declares the metrics: before Registry::start().
  LimitService(boost::asio::io_context& control, base::Registry& registry, base::Logger& logger);

  // A sentence when it cannot.
  std::string open(const config::Settings& settings, std::uint32_t workers);

  // One worker's part. Destroyed after the worker's front and before the worker.
  struct Part {
    std::unique_ptr<store::RedisStore> shared;  // null: there is no Redis
    std::unique_ptr<proxy::LimitGate> gate;
  };
  Part make_part(net::Worker& worker, base::Cells& cells);

  // Finds Redis, and tells all workers by `publish` where it is, now and later.
  using Publish = std::function<void(const store::RedisPlace&)>;
  void start(Publish publish);
  // Before the parts are destroyed.
  void stop();

  std::shared_ptr<const proxy::LimitPlan> plan(const config::Settings& settings);

  // --- For whoever looks (app/limit_inspection) -----------------------------
  // A worker that asks a common store; none where there is none.
  struct Place {
    net::Worker* worker = nullptr;
    limits::SharedCounters* shared = nullptr;
  };
  const std::vector<Place>& places() const { return places_; }
  // The plan that was made last; null before the first.
  std::shared_ptr<const proxy::LimitPlan> in_force() const { return plan_; }
  std::uint32_t nodes() const { return fleet_.nodes.load(std::memory_order_relaxed); }
  // All but the rules.
  admin::LimitsStatus status() const;

  limits::LocalStore& store() { return *store_; }

 private:
  boost::asio::io_context& control_;
  void find(Publish publish);
  std::vector<limits::TopRefused::Place> most_refused() const;

  base::Registry& registry_;
  base::Logger& logger_;
  proxy::LimitMetrics metrics_;
  store::RedisCounterMetrics redis_metrics_;
  std::vector<const proxy::LimitGate*> gates_;  // of all parts
  std::vector<Place> places_;
  std::shared_ptr<const proxy::LimitPlan> plan_;
  std::unique_ptr<limits::LocalStore> store_;
  config::LimitRedis redis_;
  std::shared_ptr<const net::TlsClientContext> tls_;
  store::RedisFleet fleet_;
  std::atomic<bool> looks_{false};
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<net::ResolvedSet> names_;
  std::unique_ptr<store::RedisFinder> finder_;  // of sentinels and clusters
};

}  // namespace marquee::app
