#include "proxy/request_fields.hpp"

#include <array>
#include <charconv>

#include "base/uuid.hpp"
#include "proxy/http/forwarding.hpp"
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

// The lines of one forwarding field, as far as a trusted peer may send.
class Lines {
 public:
  Lines(const http::FieldTable& fields, http::FieldId id) {
    for (const http::Field& f : fields)
      if (f.id == id && !f.twin && count_ < lines_.size()) lines_[count_++] = f.value;
  }
  FieldLines all() const { return {lines_.data(), count_}; }

 private:
  std::array<std::string_view, 16> lines_;
  std::size_t count_ = 0;
};

void add_forwarding(const http::RequestHead& request, const ConnectionFacts& facts,
                    const config::Settings& settings, const base::CidrList& trusted, Arena& arena,
                    Additions& additions) {
  ForwardingFacts f;
  f.peer = facts.client;
  f.peer_known = facts.client_known;
  f.peer_trusted = facts.trusted;
  f.scheme = facts.secure ? "https" : "http";
  f.authority = request.host;
  f.port = facts.public_port;
  f.want_forwarded = settings.forwarding.forwarded;
  ForwardingValues v;
  if (facts.trusted) {
    const http::FieldTable& fields = request.fields;
    const Lines forwarded(fields, http::FieldId::forwarded);
    const Lines xff(fields, http::FieldId::x_forwarded_for);
    const Lines proto(fields, http::FieldId::x_forwarded_proto);
    const Lines host(fields, http::FieldId::x_forwarded_host);
    const Lines port(fields, http::FieldId::x_forwarded_port);
    f.existing = {forwarded.all(), xff.all(), proto.all(), host.all(), port.all()};
    v = compute_forwarding(f, trusted, {arena.take(kForwardingBuffer), kForwardingBuffer});
  } else {
    constexpr std::size_t small = 512;  // one hop: an address, a host, a scheme
    v = compute_forwarding(f, trusted, {arena.take(small), small});
  }
  auto add = [&additions](std::string_view name, std::string_view value) {
    if (!value.empty()) additions.add(name, value);
  };
  add("X-Real-IP", v.x_real_ip);
  add("X-Forwarded-For", v.x_forwarded_for);
  add("X-Forwarded-Proto", v.x_forwarded_proto);
  add("X-Forwarded-Host", v.x_forwarded_host);
  add("X-Forwarded-Port", v.x_forwarded_port);
  add("Forwarded", v.forwarded);
  if (settings.forwarding.via) {
    char* via = arena.take(32);
    add("Via", via_value(request.h2           ? "2.0"
                         : request.minor == 0 ? "1.0"
                                              : "1.1",
                         "marquee", {via, 32}));
  }
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

std::string_view client_of(const http::RequestHead& request, const ConnectionFacts& facts,
                           const base::CidrList& trusted, Arena& arena) {
  if (!facts.trusted) return facts.client_text;
  const Lines lines(request.fields, http::FieldId::x_forwarded_for);
  if (lines.all().empty()) return facts.client_text;
  const ForwardedFor named = read_forwarded_for(lines.all(), trusted);
  if (!named.valid || named.client == facts.client) return facts.client_text;
  char text[base::IpAddress::kTextSize];
  return arena.copy(named.client.format(text));
}

void add_request_fields(http::RequestHead& request, const DomainPlan& plan,
                        const ConnectionFacts& facts, const config::Settings& settings,
                        const base::CidrList& trusted, const FieldBlock& tenant,
                        const RequestIds& ids, std::int64_t wall_ms, Arena& arena,
                        Additions& additions) {
  for (http::Field& f : request.fields) {
    const http::FieldClass c = http::field_class(f.id);
    if (c == http::FieldClass::context || c == http::FieldClass::forwarding) f.dropped = true;
    // A trace that we started has no state of somebody else's.
    if (f.id == http::FieldId::tracestate && ids.trace_started()) f.dropped = true;
  }
  plan.request_fields.apply(request.fields, additions);
  additions.add(plan.context);
  additions.add(tenant);
  additions.add("x-request-start", number(static_cast<std::uint64_t>(wall_ms), arena));
  additions.add("x-request-id", ids.request_id());
  additions.add("traceparent", ids.traceparent());
  add_forwarding(request, facts, settings, trusted, arena, additions);
}

}  // namespace marquee::proxy
