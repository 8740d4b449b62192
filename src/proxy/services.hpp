// What a worker lends to its exchanges: the ports of the request's way.
#pragma once
#include <cstdint>

#include "net/turn.hpp"
#include "proxy/ends.hpp"
#include "proxy/outcome.hpp"

namespace marquee::base {
class Random;
}

namespace marquee::proxy {

class Exchange;
class SnapshotSlot;

// One named pool, as this worker sees it (proxy/upstream/pool.hpp).
class UpstreamPool {
 public:
  virtual ~UpstreamPool() = default;
  // Finds or makes a connection for `exchange`, and answers by
  // on_upstream_ready() or on_upstream_unavailable(), perhaps before it returns.
  // `fresh`: an idle connection will not do (the retry after a dead one).
  virtual void open(Exchange& exchange, bool fresh) = 0;
  // The exchange no longer waits for open().
  virtual void cancel(Exchange& exchange) = 0;
};

// Gets every request exactly once, when it ends.
class AccessSink {
 public:
  virtual ~AccessSink() = default;
  virtual void record(const Exchange& exchange) = 0;
};

struct Services {
  net::Turn& turn;
  SnapshotSlot& snapshots;
  AccessSink& sink;
  base::Random& random;
  bool draining = false;  // answers say "Connection: close"
};

}  // namespace marquee::proxy
