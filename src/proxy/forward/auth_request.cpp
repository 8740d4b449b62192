#include "proxy/forward/auth_request.hpp"

#include <algorithm>
#include <utility>

#include "proxy/snapshot.hpp"

namespace marquee::proxy {
namespace {

// A body of no use is read to its end up to here, so that the connection can be kept.
constexpr std::size_t most_passed_over = 64u << 10;

}  // namespace

AuthRequest::AuthRequest(net::Turn& turn, Owner& owner, Asks asks)
    : turn_(turn), owner_(owner), asks_(std::move(asks)) {
  limits_ = asks_.limits;
  request_.method_name = "GET";
  request_.method = http::Method::get;
  additions_.add(asks_.fields);
  if (asks_.plan) additions_.add(asks_.plan->context);
  if (asks_.context) additions_.add(*asks_.context);
}

AuthRequest::~AuthRequest() { give_up(); }

void AuthRequest::start() {
  turn_.deadlines().arm(time_, *this, asks_.timeout, turn_.now());
  open(false);
}

void AuthRequest::open(bool fresh) {
  opening_ = true;
  asks_.pool->open(*this, fresh);
}

void AuthRequest::give_up() {
  settled_ = true;
  time_.disarm();
  drop_upstream(false);
}

void AuthRequest::drop_upstream(bool at_fault) {
  if (std::exchange(opening_, false)) asks_.pool->cancel(*this);
  if (UpstreamEnd* const end = std::exchange(upstream_, nullptr)) end->abort(at_fault);
}

void AuthRequest::on_upstream_ready(UpstreamEnd& upstream, const UpstreamFacts& facts) {
  opening_ = false;
  upstream_ = &upstream;
  reused_ = facts.reused;
  OutgoingRequest out;
  out.method = request_.method_name;
  out.target = asks_.target;
  const std::size_t scheme = facts.endpoint.find("://");
  out.host = scheme == std::string_view::npos ? "localhost" : facts.endpoint.substr(scheme + 3);
  out.fields = &request_.fields;
  out.additions = &additions_;
  upstream.send_head(out);
  upstream.send_end(nullptr);
}

void AuthRequest::on_upstream_unavailable(UpstreamFailure why) {
  opening_ = false;
  settle(why);
}

// A pooled connection that had died says nothing; and what was not begun can be asked
// anew in any case. It is a GET.
bool AuthRequest::may_retry(UpstreamFailure why) const {
  if (again_ || answer_.status != 0 || interim_ > 0) return false;
  if (why == UpstreamFailure::goaway || why == UpstreamFailure::refused_stream) return true;
  return reused_ && (why == UpstreamFailure::reset || why == UpstreamFailure::closed);
}

void AuthRequest::on_upstream_failed(UpstreamFailure why, http::Refusal refusal) {
  const bool again = may_retry(why);
  drop_upstream(true);
  if (again) {
    again_ = true;
    return open(true);
  }
  answer_.refusal = refusal;
  settle(why);
}

void AuthRequest::on_response_interim() {
  if (++interim_ > limits_.interim_responses)
    on_upstream_failed(UpstreamFailure::bad_answer, http::Refusal::too_many_interim);
}

// Its views end with the connection's buffer: what may be wanted is copied.
void AuthRequest::on_response_head() {
  answer_.status = response_.status;
  for (const http::Field& f : response_.fields)
    if (!f.dropped) answer_.fields.emplace_back(f.name, f.value);
  const bool refused = identity::verdict_of(answer_.status) == identity::ForwardVerdict::refused;
  if (refused && response_.body.kind == http::BodyKind::length &&
      response_.body.length > asks_.body)
    answer_.body_too_long = true;
}

std::size_t AuthRequest::on_response_body(const BodySlice& slice) {
  const bool refused = identity::verdict_of(answer_.status) == identity::ForwardVerdict::refused;
  if (refused && !answer_.body_too_long) {
    answer_.body_too_long = slice.size > asks_.body - answer_.body.size();
    if (!answer_.body_too_long) {
      answer_.body.append(slice.data, slice.size);
      return slice.size;
    }
  }
  passed_over_ += slice.size;
  if (passed_over_ > most_passed_over) {
    drop_upstream(false);
    settle(UpstreamFailure::none);
  }
  return slice.size;
}

void AuthRequest::on_response_end(http::FieldTable*) {
  if (UpstreamEnd* const end = std::exchange(upstream_, nullptr)) end->release();
  settle(UpstreamFailure::none);
}

void AuthRequest::on_deadline(net::Deadline&) {
  drop_upstream(true);
  // An answer that did not come to its end is none.
  settle(UpstreamFailure::total_timeout);
}

void AuthRequest::settle(UpstreamFailure why) {
  if (std::exchange(settled_, true)) return;
  time_.disarm();
  answer_.failure = why;
  if (answer_.body_too_long) answer_.body.clear();
  turn_.run_later(*this);
}

void AuthRequest::run() { owner_.on_answered(*this); }

}  // namespace marquee::proxy
