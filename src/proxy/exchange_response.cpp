// The answer's way out: its head edited, its body streamed to the client.
#include <algorithm>
#include <string>

#include "identity/tenant_directory.hpp"
#include "proxy/answer_rules.hpp"
#include "proxy/answers/cache_rule.hpp"
#include "proxy/branding/branded_head.hpp"
#include "proxy/exchange.hpp"
#include "proxy/http/websocket_key.hpp"
#include "proxy/pages.hpp"

namespace marquee::proxy {

// 103 and its kin pass at once. A 100 ends here: the client got ours, or did
// not ask for one.
void Exchange::on_response_interim() {
  if (++interim_ > limits_.interim_responses)
    return on_upstream_failed(UpstreamFailure::bad_answer, http::Refusal::too_many_interim);
  arm_upstream(first_byte_);
  if (response_.status == 100 || request_.minor == 0) return;
  edit_response();
  OutgoingResponse out;
  out.status = response_.status;
  out.reason = response_.reason;
  out.fields = &response_.fields;
  out.additions = &response_additions_;
  out.bodiless = true;
  client_->send_interim(out);
}

void Exchange::on_response_head() {
  if (response_.status >= 400 && becomes_page()) return replace_by_page();
  outcome_.status = response_.status;
  kept_body_.reset();
  kept_size_ = 0;
  if (!tunnel_proven())
    return on_upstream_failed(UpstreamFailure::bad_answer, http::Refusal::bad_websocket_accept);
  answer_ = Answer::streaming;
  edit_response();
  if (services_.filters && filters_hold_head()) return;
  send_response_head();
}

// pages.replace_upstream, for who looks at pages: to a program its upstream's own words
// say more.
bool Exchange::becomes_page() const {
  if (local_.active()) return false;
  const auto& replaced = newest_known().settings().pages.replace_upstream;
  return std::find(replaced.begin(), replaced.end(), response_.status) != replaced.end() &&
         error_format(request_) == ErrorFormat::html;
}

void Exchange::replace_by_page() {
  std::string_view retry_after;
  for (const http::Field& f : response_.fields)
    if (http::iequals(f.name, "retry-after") && f.value.size() <= 29) retry_after = f.value;
  answer_error(response_.status, retry_after);
}

// Where the key was ours the proof is ours to check (RFC 8441 5, RFC 6455 4.1); and
// its client would take any other 2xx for a tunnel.
bool Exchange::tunnel_proven() const {
  if (request_.websocket_key.empty() || local_.active()) return true;
  if (response_.status != 101) return response_.status < 200 || response_.status >= 300;
  for (const http::Field& f : response_.fields)
    if (http::iequals(f.name, "sec-websocket-accept"))
      return http::is_websocket_accept(request_.websocket_key, f.value);
  return false;
}

void Exchange::send_response_head() {
  outcome_.first_byte = turn_.now();
  OutgoingResponse out;
  out.status = response_.status;
  out.reason = response_.reason;
  out.fields = &response_.fields;
  out.additions = &response_additions_;
  out.body = response_.body;
  out.bodiless = response_.body.kind == http::BodyKind::none;
  if (response_.status == 101) {
    out.upgrade_to = request_.upgrade_to;
    client_->send_head(out);
    return start_tunnel();
  }
  client_->send_head(out);
  if (!local_.active()) arm_upstream(read_idle_);
}

// Nobody but Marquee may say what Marquee says: context and forwarding names
// are taken out of answers too.
void Exchange::edit_response() {
  response_additions_.clear();
  bool dated = false;
  for (http::Field& f : response_.fields) {
    switch (http::field_class(f.id)) {
      case http::FieldClass::context:
        f.dropped = true;
        break;
      case http::FieldClass::forwarding:
        f.dropped |= f.id != http::FieldId::x_request_id && f.id != http::FieldId::traceparent;
        break;
      default:
        break;
    }
    dated |= f.id == http::FieldId::date;
  }
  if (plan_) {
    const bool own = local_.active();
    if (!own) apply_plan();
    if (!own && api_route_) cache_as_route_says();
    plan_->response_fields.apply(response_.fields, response_additions_);
    if (own) keep_own_policy();
  }
  if (!response_fields_of_gates_.empty() && response_.status >= 200) put_fields_of_gates();
  if (response_.status >= 200) {
    if (varies_on_origin_) vary_on("Origin", response_.fields, response_additions_, arena_);
    // Pages of our own have a policy of their own.
    if (!frame_ancestors_.empty() && !local_.active())
      marquee::proxy::set_frame_ancestors(frame_ancestors_, response_.fields, response_additions_,
                                          arena_);
  }
  // RFC 9110 6.6.1: who has a clock dates what came without one.
  if (!dated && response_.status >= 200) response_additions_.add("Date", services_.date());
}

// What a caller was found out for, or a rule let through, is nobody else's.
Audience Exchange::audience() const {
  const bool some = caller_ || admitted_ || plan_->visitors || plan_->gates.has(GateKind::password);
  return some ? Audience::some : Audience::everybody;
}

// A route of a module's API says itself how long an answer may be kept, in place of the
// domain; 0 leaves it to the upstream.
void Exchange::cache_as_route_says() {
  const std::chrono::seconds ttl(api_route_->cache_seconds);
  if (!may_cache_api(ttl, request_, response_, audience())) return;
  for (http::Field& f : response_.fields) f.dropped |= http::iequals(f.name, "cache-control");
  response_additions_.add("Cache-Control",
                          arena_.copy("public, max-age=" + std::to_string(ttl.count())));
}

// Of the domain, to what its upstream says.
void Exchange::apply_plan() {
  if (plan_->answers) {
    const bool places = plan_->answers->names_places(response_);
    plan_->answers->apply(
        response_,
        {request_, facts_->secure, places ? plan_->upstream_prefix(host_, arena_) : "", arena_,
         audience(), api_route_ != nullptr},
        response_additions_);
  }
  if (!plan_->brand || !plan_->brand->rewrites() || response_.status < 200) return;
  std::string origin(facts_->secure ? "https://" : "http://");
  origin += request_.host;
  edit_page_head(response_, request_, *plan_->brand, origin, arena_);
}

// A domain's own policy is for its pages; under it ours would lose its style.
void Exchange::keep_own_policy() {
  for (http::Field& f : response_.fields) {
    if (!http::iequals(f.name, "content-security-policy")) continue;
    f.dropped = false;
    response_additions_.remove(f.name);
  }
}

void Exchange::put_fields_of_gates() {
  for (const AddedField& added : response_fields_of_gates_) {
    if (!http::iequals(added.name, "set-cookie"))
      for (http::Field& f : response_.fields) f.dropped |= http::iequals(f.name, added.name);
    if (!added.value.empty()) response_additions_.add(added.name, added.value);
  }
}

void Exchange::start_tunnel() {
  outcome_.tunnel = true;
  request_complete_ = false;
  request_paused_ = false;
  response_paused_ = false;
  client_->flush();
  client_->start_tunnel();
  upstream_->start_tunnel();
  total_time_.disarm();
  body_time_.disarm();
  arm_upstream(timeouts_.tunnel_idle);
  client_->resume_request();
}

std::size_t Exchange::on_response_body(const BodySlice& slice) {
  return filtering_ == Filtering::off ? to_client(slice) : filter_body(slice);
}

std::size_t Exchange::to_client(const BodySlice& slice) {
  if (ends_answer(slice)) leave_gates();
  const std::size_t taken = slice.size ? client_->send_body(slice) : 0;
  outcome_.bytes_out += taken;
  if (slice.size == 0) client_->flush();
  if (taken < slice.size && !response_paused_) {
    response_paused_ = true;
    if (!outcome_.tunnel && !body_time_.armed()) arm_body_window();
  }
  if (!local_.active()) arm_upstream(outcome_.tunnel ? timeouts_.tunnel_idle : read_idle_);
  return taken;
}

// Behind these bytes the client needs nothing more. A request in flight gives its
// place back before: the client's next one may reach another worker at once.
bool Exchange::ends_answer(const BodySlice& slice) const {
  if (gates_entered_.empty() || outcome_.tunnel) return false;
  const http::BodyFraming& body = response_.body;
  return slice.end ||
         (body.kind == http::BodyKind::length && outcome_.bytes_out + slice.size >= body.length);
}

void Exchange::on_response_end(http::FieldTable* trailers) {
  outcome_.upstream_end = turn_.now();
  total_time_.disarm();
  if (filtering_ != Filtering::off) return end_filtered(trailers);
  end_response(trailers);
}

void Exchange::end_response(http::FieldTable* trailers) {
  answer_ = Answer::complete;
  upstream_time_.disarm();
  if (!outcome_.tunnel) leave_gates();
  client_->send_end(trailers);
  // A tunnel lives until both sides have ended.
  if (outcome_.tunnel && !request_complete_) return arm_upstream(timeouts_.tunnel_idle);
  finish();
}

void Exchange::on_client_writable() {
  if (!response_paused_) return;
  response_paused_ = false;
  if (filtering_ == Filtering::on) return chain_->resume();
  if (upstream_) upstream_->resume_response();
}

}  // namespace marquee::proxy
