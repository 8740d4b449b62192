#include "proxy/request_fields.hpp"

#include <charconv>

#include "base/uuid.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::proxy {
namespace {

// What may be a request id of somebody else's: short and printable.
bool is_request_id(std::string_view s) {
  if (s.empty() || s.size() > 128) return false;
  for (char c : s)
    if (c <= ' ' || c > '~' || c == '"' || c == '\\') return false;
  return true;
}

std::string_view number(std::uint64_t n, Arena& arena) {
  char* p = arena.take(20);
  return {p, static_cast<std::size_t>(std::to_chars(p, p + 20, n).ptr - p)};
}

}  // namespace

void RequestIds::make(const http::RequestHead& request, const ConnectionFacts& facts,
                      const config::Forwarding& forwarding, base::Random& random,
                      std::int64_t wall_ms) {
  const http::Field* given = request.fields.find(http::FieldId::x_request_id);
  if (given && (facts.trusted || forwarding.trust_request_id) && is_request_id(given->value)) {
    request_id_ = given->value;
  } else {
    base::format_uuid7(static_cast<std::uint64_t>(wall_ms), random.next(), random.next(), uuid_);
    request_id_ = {uuid_, sizeof uuid_};
  }
  const http::Field* parent = request.fields.find(http::FieldId::traceparent);
  trace_started_ = !parent || !base::parse_traceparent(parent->value);
  if (trace_started_) {
    base::format_traceparent(base::start_trace(random, false), trace_);
    traceparent_ = {trace_, sizeof trace_};
  } else {
    traceparent_ = parent->value;
  }
}

void add_request_fields(http::RequestHead& request, const DomainPlan& plan,
                        const ConnectionFacts& facts, const config::Settings& settings,
                        std::string_view host, const RequestIds& ids, std::int64_t wall_ms,
                        Arena& arena, Additions& additions) {
  for (http::Field& f : request.fields) {
    const http::FieldClass c = http::field_class(f.id);
    if (c == http::FieldClass::context || c == http::FieldClass::forwarding) f.dropped = true;
    // A trace that we started has no state of somebody else's.
    if (f.id == http::FieldId::tracestate && ids.trace_started()) f.dropped = true;
  }
  plan.request_fields.apply(request.fields, additions);
  additions.add(plan.context);
  additions.add("x-custom-domain", host);
  additions.add("x-request-start", number(static_cast<std::uint64_t>(wall_ms), arena));
  additions.add("x-request-id", ids.request_id());
  additions.add("traceparent", ids.traceparent());
  additions.add("X-Real-IP", facts.client_text);
  additions.add("X-Forwarded-For", facts.client_text);
  additions.add("X-Forwarded-Proto", facts.secure ? "https" : "http");
  additions.add("X-Forwarded-Host", request.host);
  additions.add("X-Forwarded-Port", number(facts.public_port, arena));
  (void)settings;
}

}  // namespace marquee::proxy
