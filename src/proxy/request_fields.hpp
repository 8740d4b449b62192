// What Marquee adds to a request on its way to the upstream, and what it takes
// out of what the client said.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/hostname.hpp"
#include "config/settings.hpp"
#include "proxy/arena.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::base {
class Random;
}

namespace marquee::proxy {

struct DomainPlan;

// The identity of one request in logs and traces.
class RequestIds {
 public:
  // X-Request-Id: taken from a trusted proxy, else a UUIDv7 (RFC 9562).
  // traceparent: passed when it is well formed, else started (W3C level 1).
  void make(const http::RequestHead& request, const ConnectionFacts& facts,
            const config::Forwarding& forwarding, base::Random& random, std::int64_t wall_ms);
  void clear() { request_id_ = traceparent_ = {}; }
  // Empty before make().
  std::string_view request_id() const { return request_id_; }
  std::string_view traceparent() const { return traceparent_; }
  std::string_view trace_id() const {
    return traceparent_.empty() ? traceparent_ : traceparent_.substr(3, 32);
  }
  bool trace_started() const { return trace_started_; }

 private:
  std::string_view request_id_;
  std::string_view traceparent_;
  bool trace_started_ = false;
  char uuid_[36];
  char trace_[55];
};

// Whom rules and records mean by "client", as text: behind a trusted proxy whom
// its X-Forwarded-For names, else the peer. A view of the arena or of the facts.
std::string_view client_of(const http::RequestHead& request, const ConnectionFacts& facts,
                           const base::CidrList& trusted, Arena& arena);

// Drops forged and replaced fields of `request`, and adds forwarding and tenant
// fields: those of the plan, and `tenant` (proxy/tenant_context.hpp). Views point into
// the arena, the facts, the ids, the plan and the block.
void add_request_fields(http::RequestHead& request, const DomainPlan& plan,
                        const ConnectionFacts& facts, const config::Settings& settings,
                        const base::CidrList& trusted, const FieldBlock& tenant,
                        const RequestIds& ids, std::int64_t wall_ms, Arena& arena,
                        Additions& additions);

}  // namespace marquee::proxy
