// The request's way in: from a judged head to bytes at the upstream.
#include "proxy/exchange.hpp"

#include <algorithm>
#include <cstring>

#include "base/hostname.hpp"
#include "proxy/branding/branded_head.hpp"
#include "proxy/policy/policies.hpp"

namespace marquee::proxy {

Exchange::Exchange(Services& services)
    : services_(services), turn_(services.turn), local_(*this, services.turn) {}

void Exchange::begin(ClientEnd& client, ConnectionFacts& facts) {
  client_ = &client;
  facts_ = &facts;
  services_.sink.begun();
  pin_ = services_.snapshots.pin();
  timeouts_ = settings().timeouts;
  limits_ = settings().limits;
  outcome_ = {};
  outcome_.begun = turn_.now();
  request_.clear();
  ids_.clear();
}

void Exchange::reset() {
  // Its connection was closed over it (a drain's deadline): one record all the same.
  if (client_) services_.sink.record(*this);
  if (waiting_for_route_) stop_waiting();
  if (waits_at_) stop_waiting_at_gate();
  if (!gates_entered_.empty()) leave_gates();
  if (opening_) pool_->cancel(*this);
  drop_upstream();
  drop_filters();
  upstream_time_.disarm();
  total_time_.disarm();
  body_time_.disarm();
  if (pin_) services_.snapshots.unpin(pin_);
  pin_ = nullptr;
  plan_ = nullptr;
  if (route_) let_go_of_route();
  kept_plan_.reset();
  kept_pool_.reset();
  chosen_pool_ = domains_own_pool;
  caller_.reset();
  api_route_.reset();
  request_fields_of_gates_.reset();
  withheld_.reset();
  judged_.reset();
  module_site_ = {};
  refusing_limit_ = {};
  is_module_call_ = false;
  module_served_.module = {};
  verified_origin_ = {};
  response_fields_of_gates_.clear();
  admitted_ = false;
  varies_on_origin_ = false;
  frame_ancestors_ = {};
  client_ = nullptr;
  facts_ = nullptr;
  pool_ = nullptr;
  opening_ = false;
  request_complete_ = request_sent_ = request_paused_ = response_paused_ = false;
  trailers_ = nullptr;
  body_kept_ = true;
  answer_ = Answer::waiting;
  interim_ = 0;
  body_to_upstream_ = discarded_ = 0;
  window_in_.stop();
  window_out_.stop();
  request_additions_.clear();
  tenant_fields_.reset();
  response_additions_.clear();
  arena_.clear();
  host_ = target_ = client_text_ = {};
  kept_body_.reset();
  kept_size_ = 0;
}

void Exchange::leave_snapshot() {
  // Before the request was sent it runs under the settings it began with.
  if (!pin_ || !request_sent_) return;
  if (plan_) {
    kept_plan_ = plan_->shared_from_this();
    plan_ = kept_plan_.get();
    kept_pool_ = pin_->pools[chosen_pool_ == domains_own_pool ? plan_->pool : chosen_pool_];
  }
  services_.snapshots.unpin(pin_);
  pin_ = nullptr;
}

void Exchange::on_request_head() {
  request_complete_ = request_.body.kind == http::BodyKind::none;
  if (request_.path.front() == '?') {  // "http://host?x" (RFC 9112 3.2.1)
    char* path = arena_.take(request_.path.size() + 1);
    *path = '/';
    std::memcpy(path + 1, request_.path.data(), request_.path.size());
    request_.path = {path, request_.path.size() + 1};
  }
  client_text_ = client_of(request_, *facts_, pin_->shared->trusted(), arena_);
  ids_.make(request_, *facts_, settings().forwarding, services_.random, turn_.wall_ms());
  if (!answer_at_edge(EdgePaths::When::any_host)) proceed();
}

void Exchange::proceed() {
  if (!route() || answer_at_edge(EdgePaths::When::domain) || !apply_policies()) return;
  gates_ahead_ = plan_->gates;
  pass_gates();
}

bool Exchange::apply_policies() {
  const policy::Input input{request_,
                            *plan_,
                            *facts_,
                            settings(),
                            host_,
                            services_.https_port,
                            pin_->shared->paths(plan_->route),
                            client_text_};
  LocalContent content;
  RefusalCause cause = RefusalCause::none;
  if (!policy::run(input, content, cause)) return true;
  outcome_.cause = cause;
  if (content.status >= 400)
    answer_error(content.status);
  else
    answer_locally(std::move(content));
  return false;
}

void Exchange::choose_upstream() {
  const std::uint32_t pool = chosen_pool_ == domains_own_pool ? plan_->pool : chosen_pool_;
  pool_ = pin_->pools[pool].get();
  const config::Upstream& upstream = settings().upstreams[pool];
  read_idle_ = upstream.read_idle;
  first_byte_ = upstream.first_byte;
  if (target_.empty()) target_ = plan_->target(request_.path, host_, arena_);
  if (target_.empty()) return refuse(http::Refusal::bad_target);
  const ServedModule* const served = module_served_.module.empty() ? nullptr : &module_served_;
  tenant_fields_ = services_.tenant_context.fields(*plan_, host_, caller_.get(), settings().context,
                                                   turn_.wall_ms() / 1000, served);
  add_request_fields(request_, *plan_, *facts_, settings(), pin_->shared->trusted(),
                     *tenant_fields_, ids_, turn_.wall_ms(), arena_, request_additions_);
  if (plan_->brand) ask_for_page(request_, *plan_->brand, arena_, request_additions_);
  turn_.deadlines().arm(total_time_, *this, upstream.total, turn_.now());
  if (!request_complete_) {
    window_in_.begin(0);
    arm_body_window();
  }
  opening_ = true;
  pool_->open(*this, false);
}

// Requests that belong to no agency are of one tenant, like another.
std::uint64_t Exchange::tenant() const {
  return plan_ ? std::hash<std::string_view>{}(plan_->domain->agency.text()) : 0;
}

void Exchange::on_upstream_ready(UpstreamEnd& upstream, const UpstreamFacts& facts) {
  opening_ = false;
  upstream_ = &upstream;
  outcome_.upstream = facts;
  send_request();
}

std::string_view Exchange::host_for_upstream() const {
  if (!plan_->host_field.empty()) return plan_->host_field;
  if (!plan_->endpoint_host) return request_.host;
  const std::string_view endpoint = outcome_.upstream.endpoint;
  const std::size_t scheme = endpoint.find("://");
  return scheme == std::string_view::npos ? request_.host : endpoint.substr(scheme + 3);
}

// Also for the second try: the slices of the head are still there, and so are
// the body bytes that were kept.
void Exchange::send_request() {
  OutgoingRequest out;
  out.method = request_.method_name;
  out.target = target_;
  out.host = host_for_upstream();
  out.fields = &request_.fields;
  out.additions = &request_additions_;
  out.body = request_.body;
  if (request_.upgrade) out.upgrade_to = request_.upgrade_to;
  outcome_.sent = turn_.now();
  request_sent_ = true;
  upstream_->send_head(out);
  arm_upstream(first_byte_);
  if (kept_size_ > 0) {
    const BodySlice kept{kept_body_.data(), kept_size_, 0, false, false};
    const std::size_t taken = upstream_->send_body(kept);
    // A fresh socket takes 16 KiB; one that does not is no better than the last.
    if (taken < kept_size_) return fail_upstream(UpstreamFailure::connect_refused);
  }
  if (request_complete_) return send_request_end();
  if (request_.expects_continue && body_to_upstream_ == 0) {
    // All policies have passed and the upstream is chosen.
    OutgoingResponse go_on;
    go_on.status = 100;
    go_on.bodiless = true;
    client_->send_interim(go_on);
  }
  if (request_paused_ || outcome_.retries > 0 || !outcome_.upstream.reused) {
    request_paused_ = false;
    upstream_->flush();
    client_->resume_request();
  }
}

std::size_t Exchange::on_request_body(const BodySlice& slice) {
  if (limits_.request_body && outcome_.bytes_in + slice.size > limits_.request_body) {
    refuse(RefusalCause::body_too_large, 413);
    return slice.size;
  }
  if (local_.active() || answer_ == Answer::complete) {
    discarded_ += slice.size;
    outcome_.bytes_in += slice.size;
    return slice.size;
  }
  if (!upstream_ || request_paused_) {
    request_paused_ = true;
    return 0;
  }
  const std::size_t taken = slice.size ? upstream_->send_body(slice) : 0;
  if (slice.size == 0 || (slice.flush && !slice.end)) {
    upstream_->flush();
  }
  outcome_.bytes_in += taken;
  body_to_upstream_ += taken;
  if (taken > 0) keep_for_retry({slice.data, taken, 0, false, false});
  if (taken < slice.size) request_paused_ = true;
  if (outcome_.tunnel)
    arm_upstream(timeouts_.tunnel_idle);
  else if (taken > 0)
    arm_for_answer();
  return taken;
}

// Only what could be sent again is kept, while it is small: an idempotent
// request's body, or any where the peer may say that it has not begun.
void Exchange::keep_for_retry(const BodySlice& slice) {
  if (!body_kept_ || answer_ != Answer::waiting) return;
  const bool useful = http::is_idempotent(request_.method) || outcome_.upstream.multiplexed;
  if (!useful || kept_size_ + slice.size > limits_.retry_body ||
      kept_size_ + slice.size > net::bytes_of(net::BlockSize::large)) {
    body_kept_ = false;
    kept_body_.reset();
    kept_size_ = 0;
    return;
  }
  if (!kept_body_) kept_body_ = turn_.buffers().acquire(net::BlockSize::large);
  std::memcpy(kept_body_.data() + kept_size_, slice.data, slice.size);
  kept_size_ += slice.size;
}

void Exchange::on_request_end(http::FieldTable* trailers) {
  request_complete_ = true;
  trailers_ = trailers;
  if (!outcome_.tunnel) body_time_.disarm();
  if (answer_ == Answer::complete) return finish();
  if (local_.active()) return;
  if (upstream_) {
    send_request_end();
    if (!outcome_.tunnel) arm_for_answer();
  }
}

void Exchange::on_upstream_writable() {
  if (!request_paused_ || !client_) return;
  request_paused_ = false;
  client_->resume_request();
}

}  // namespace marquee::proxy
