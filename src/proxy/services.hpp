// What a worker lends to its exchanges: the ports of the request's way.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "net/turn.hpp"
#include "proxy/body_backlog.hpp"
#include "proxy/edge_paths.hpp"
#include "proxy/ends.hpp"
#include "proxy/gate_set.hpp"
#include "proxy/http/h2_flood.hpp"
#include "proxy/outcome.hpp"
#include "proxy/tenant_context.hpp"

namespace marquee::base {
class Random;
}

namespace marquee::proxy {

class Exchange;
class FilterChain;
class Gate;
class ResponseHeadEdit;
class RouteTable;
class SnapshotSlot;
class UpstreamRequest;

// One named pool, as this worker sees it (proxy/upstream/pool.hpp).
class UpstreamPool {
 public:
  virtual ~UpstreamPool() = default;
  // Finds or makes a connection for `request`, and answers by
  // on_upstream_ready() or on_upstream_unavailable(), perhaps before it returns.
  // `fresh`: an idle connection will not do (the retry after a dead one).
  virtual void open(UpstreamRequest& request, bool fresh) = 0;
  // It no longer waits for open().
  virtual void cancel(UpstreamRequest& request) = 0;
};

// Gets every request exactly once, when it ends.
class AccessSink {
 public:
  virtual ~AccessSink() = default;
  virtual void begun() {}  // a request's first bytes came
  virtual void record(Exchange& exchange) = 0;
  // A client was cut off after its request had been recorded as answered.
  virtual void lost(ClientLoss) {}
  virtual void flood(http::H2Flood) {}  // a client's connection was ended for it
};

// Chooses the filters of an answer with a body. Asked when its head has come from
// an upstream, before anything of it is sent.
class FilterSource {
 public:
  virtual ~FilterSource() = default;
  // False: no answer under this request's plan is filtered. Asked for each answer.
  virtual bool wants(const Exchange&) const { return true; }
  // Adds none for an answer that is to pass as it is.
  virtual void add_filters(FilterChain& chain, const Exchange& exchange) = 0;
  // An answer to HEAD passes none of them; its head says what they would say.
  virtual void edit_head_alone(ResponseHeadEdit&, const Exchange&) {}
};

struct Services {
  Services(net::Turn& t, SnapshotSlot& s, AccessSink& a, base::Random& r)
      : turn(t), snapshots(s), sink(a), random(r) {}

  net::Turn& turn;
  SnapshotSlot& snapshots;
  AccessSink& sink;
  base::Random& random;
  FilterSource* filters = nullptr;  // null: no answer is filtered
  RouteTable* routes = nullptr;     // null: the settings are the only directory
  // By kind; null: none of that kind.
  std::array<Gate*, static_cast<std::size_t>(GateKind::count_)> gates{};
  Gate*& gate(GateKind kind) { return gates[static_cast<std::size_t>(kind)]; }
  EdgePaths edge_paths;
  TenantContext tenant_context;
  bool draining = false;  // answers say "Connection: close"
  std::shared_ptr<BodyBacklog> backlog = std::make_shared<BodyBacklog>();
  unsigned https_port = 0;  // public port of the first TLS listener; 0: none
  // "Sun, 06 Nov 1994 08:49:37 GMT" of the present second (RFC 9110 5.6.7).
  std::string_view date();

 private:
  std::int64_t date_second_ = -1;
  char date_[30];
};

}  // namespace marquee::proxy
