// What the counters in Redis tell of themselves.
#include "store/redis_counters.hpp"

namespace marquee::store {

std::string_view name(RedisFailure failure) {
  constexpr std::string_view names[] = {"timeout", "lost", "error", "protocol", "busy"};
  return names[static_cast<std::size_t>(failure)];
}

RedisCounterMetrics::RedisCounterMetrics(base::Registry& r)
    : round_trip(r.histogram<>(
          {"marquee_limits_redis_round_trip_seconds", "From a question to Redis to its answer.",
           1e-6},
          {50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 1'000'000})),
      failures(r.counter<RedisFailure>(
          {"marquee_limits_redis_failures_total", "Questions that Redis failed, by kind."},
          base::axis("kind", RedisFailure::busy))),
      breaker_opened(r.counter<>({"marquee_limits_redis_breaker_opened_total",
                                  "Times that a worker stopped asking Redis."})),
      credited(r.counter<>({"marquee_limits_credited_total",
                            "Units of leased limits that were used before Redis had lent them."})),
      redirects(r.counter<limits::Redirect::Kind>(
          {"marquee_limits_redis_redirects_total",
           "Questions that a master of a Redis Cluster sent on to another one, by kind."},
          base::axis("kind", limits::Redirect::Kind::ask))),
      ready(r.gauge<>({"marquee_limits_redis_ready_workers", "Workers that ask Redis now."})) {}

}  // namespace marquee::store
