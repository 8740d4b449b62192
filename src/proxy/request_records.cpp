#include "proxy/request_records.hpp"

#include "identity/caller.hpp"
#include "identity/tenant_directory.hpp"
#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

std::int64_t micros(net::TimePoint from, net::TimePoint to) {
  if (from == net::TimePoint{} || to == net::TimePoint{}) return AccessTimes::absent;
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

Protocol protocol_of(const http::RequestHead& request) {
  if (request.h2) return Protocol::h2;
  return request.minor == 0 ? Protocol::http_1_0 : Protocol::http_1_1;
}

StatusClass class_of(unsigned status) {
  return status >= 100 && status < 600 ? static_cast<StatusClass>(status / 100) : StatusClass::none;
}

std::string_view value_of(const http::RequestHead& request, http::FieldId id) {
  for (const http::Field& f : request.fields)
    if (f.id == id) return f.value;
  return {};
}

}  // namespace

void RequestRecords::record(Exchange& exchange) {
  const Outcome& o = exchange.outcome();
  const net::TimePoint now = exchange.services().turn.now();
  const std::int64_t total = micros(o.begun, now);
  count(exchange, total);
  if (exchange.module_call() && calls_) [[unlikely]]
    calls_->record(exchange, total);
  if (!log_) return;
  ConnectionFacts& facts = exchange.facts();
  const http::RequestHead& request = exchange.request();
  AccessRecord r;
  r.time_us = exchange.services().turn.wall_ms() * 1000;
  r.request_id = exchange.ids().request_id();
  r.trace_id = exchange.ids().trace_id();
  r.client_address = exchange.client_text().empty() ? facts.client_text : exchange.client_text();
  // Of somebody behind a proxy no port is known.
  r.client_port = r.client_address == facts.client_text ? facts.client_port : std::uint16_t{0};
  r.host = exchange.host().empty() ? request.host : exchange.host();
  if (facts.tls) {
    r.sni = facts.tls->sni;
    r.alpn = facts.tls->alpn;
    r.tls_version = facts.tls->version;
    r.resumed = facts.tls->resumed;
    r.times.handshake = std::exchange(facts.handshake_us, -1);
  }
  r.method = request.method_name;
  r.target = request.target;
  if (!request.target.empty())
    r.protocol = request.h2 ? "HTTP/2.0" : request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
  r.status = o.status;
  r.bytes_in = o.bytes_in;
  r.bytes_out = o.bytes_out;
  r.times.first_byte = micros(o.begun, o.first_byte);
  r.times.total = total;
  r.times.connect = o.upstream.connect_us;
  r.times.upstream = micros(o.sent, o.upstream_end);
  r.upstream = o.upstream.endpoint;
  r.retries = o.retries;
  if (const DomainPlan* plan = exchange.plan()) {
    r.domain_id = plan->domain->domain_id.text();
    r.installation_id = plan->domain->installation.text();
    r.site_id = plan->domain->site.text();
    r.client_id = plan->domain->client.text();
    r.agency_id = plan->domain->agency.text();
  }
  if (const identity::Caller* caller = exchange.caller()) {
    if (caller->auth != identity::AuthType::none) r.auth = name(caller->auth);
    r.user_id = caller->user;
    r.api_key = caller->api_key;
    r.consumer = caller->consumer;
  }
  if (const identity::ApiRoute* route = exchange.api_route()) r.api_route = route->id;
  r.refusal = refusal_of(o);
  r.limit = exchange.refusing_limit();
  r.failure = failure_of(o);
  r.user_agent = value_of(request, http::FieldId::user_agent);
  r.referer = value_of(request, http::FieldId::referer);
  log_->append(r);
}

void RequestRecords::flood(http::H2Flood kind) { metrics_.h2_floods.increment(cells_, kind); }

void RequestRecords::count(const Exchange& exchange, std::int64_t total_us) {
  const Outcome& o = exchange.outcome();
  metrics_.in_flight.add(cells_, -1);
  metrics_.requests.increment(cells_, o.route, class_of(o.status));
  metrics_.protocols.increment(cells_, protocol_of(exchange.request()));
  metrics_.duration.observe(cells_, static_cast<std::uint64_t>(total_us), o.route);
  if (const std::int64_t us = micros(o.sent, o.upstream_end); us >= 0)
    metrics_.upstream_duration.observe(cells_, static_cast<std::uint64_t>(us), o.route);
  if (o.bytes_in) metrics_.bytes_in.add(cells_, o.bytes_in);
  if (o.bytes_out) metrics_.bytes_out.add(cells_, o.bytes_out);
  if (o.cause != RefusalCause::none) metrics_.refusals.increment(cells_, o.cause);
  if (o.refusal != http::Refusal::none) metrics_.protocol_refusals.increment(cells_, o.refusal);
  if (o.failure != UpstreamFailure::none) metrics_.upstream_failures.increment(cells_, o.failure);
  if (o.loss != ClientLoss::none) metrics_.client_losses.increment(cells_, o.loss);
  if (o.retries) metrics_.retries.add(cells_, o.retries);
  if (o.tunnel) metrics_.tunnels.increment(cells_);
}

}  // namespace marquee::proxy
