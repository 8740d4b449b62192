// How an exchange ends: failures and retries, time limits, the one record.
#include <string>

#include "proxy/exchange.hpp"
#include "proxy/pages.hpp"

namespace marquee::proxy {

void Exchange::refuse(http::Refusal refusal) {
  outcome_.cause = RefusalCause::protocol;
  outcome_.refusal = refusal;
  request_.keep_alive = false;
  answer_error(http::status_of(refusal));
}

void Exchange::break_off(http::Refusal refusal) {
  outcome_.cause = RefusalCause::protocol;
  outcome_.refusal = refusal;
  break_client();
}

void Exchange::refuse(RefusalCause cause, unsigned status) {
  outcome_.cause = cause;
  answer_error(status);
}

void Exchange::answer_error(unsigned status, std::string_view told) {
  if (answer_ != Answer::waiting && filtering_ != Filtering::head_waits) return break_client();
  // Of a head that was refused before it had any.
  if (ids_.request_id().empty())
    ids_.make(request_, *facts_, settings().forwarding, services_.random, turn_.wall_ms());
  const Snapshot& snapshot = newest_known();
  std::string retry_after(told);
  for (const AddedField& added : response_fields_of_gates_)
    if (http::iequals(added.name, "retry-after")) retry_after = added.value;
  if (retry_after.empty() && outcome_.cause == RefusalCause::maintenance)
    retry_after = std::to_string(snapshot.settings().pages.retry_after.count() / 1000);
  else if (retry_after.empty() && status == 503)
    retry_after = "5";
  answer_locally(
      error_answer({status, outcome_.cause, ids_.request_id(), host_, retry_after, plan_}, request_,
                   snapshot.pages()));
}

// Its own, or those in force if it has let its own go.
const Snapshot& Exchange::newest_known() const {
  return pin_ ? *pin_->shared : *services_.snapshots.current().shared;
}

void Exchange::answer_locally(LocalContent content) {
  if (waiting_for_route_) stop_waiting();
  if (waits_at_) stop_waiting_at_gate();
  if (opening_) pool_->cancel(*this);
  opening_ = false;
  drop_upstream();
  drop_filters();
  upstream_time_.disarm();
  total_time_.disarm();
  // The rest of a request must be read, or it would be taken for the next one;
  // where it is small that is cheaper than a new connection.
  if (!request_complete_ && !rest_is_small()) request_.keep_alive = false;
  upstream_ = &local_;
  local_.start(std::move(content));
}

bool Exchange::rest_is_small() const {
  if (request_.expects_continue || outcome_.cause != RefusalCause::none) return false;
  return request_.body.kind == http::BodyKind::chunked ||
         request_.body.length - outcome_.bytes_in <= discard_bound;
}

// A dead pooled connection is nobody's fault; one fresh try, if doing the
// request twice cannot do harm: it is idempotent and all that was sent of it is
// still here, or nothing was sent.
bool Exchange::may_retry(UpstreamFailure why) const {
  if (answer_ != Answer::waiting || interim_ > 0 || outcome_.retries > 0) return false;
  // Not begun by the peer's own word (RFC 9113 6.8, 8.7): any method.
  if (why == UpstreamFailure::goaway || why == UpstreamFailure::refused_stream) return body_kept_;
  if (why != UpstreamFailure::reset && why != UpstreamFailure::closed) return false;
  if (!outcome_.upstream.reused || request_.upgrade) return false;
  if (upstream_ && upstream_->untouched()) return body_to_upstream_ == 0;
  return http::is_idempotent(request_.method) && body_kept_;
}

void Exchange::on_upstream_failed(UpstreamFailure why, http::Refusal refusal) {
  if (refusal != http::Refusal::none) outcome_.refusal = refusal;
  fail_upstream(why);
}

void Exchange::fail_upstream(UpstreamFailure why) {
  const bool again = may_retry(why);
  drop_upstream(true);
  upstream_time_.disarm();
  if (again) {
    ++outcome_.retries;
    opening_ = true;
    return pool_->open(*this, true);
  }
  outcome_.failure = why;
  outcome_.upstream_end = turn_.now();
  if (filtering_ == Filtering::on)
    return chain_->on_failed(
        {base::FailureSource::upstream, false, "the upstream broke off its answer"});
  if (answer_ != Answer::waiting && filtering_ != Filtering::head_waits) {
    // A tunnel's end is an end; a body's is a truncation.
    if (outcome_.tunnel && why == UpstreamFailure::closed) return on_response_end(nullptr);
    return break_client();
  }
  const bool late = why == UpstreamFailure::first_byte_timeout ||
                    why == UpstreamFailure::total_timeout ||
                    why == UpstreamFailure::connect_timeout;
  const bool busy = why == UpstreamFailure::pool_full || why == UpstreamFailure::no_endpoint ||
                    why == UpstreamFailure::local_limit;
  if (why == UpstreamFailure::no_tunnel) return answer_error(501);
  answer_error(late ? 504 : busy ? 503 : 502);
}

void Exchange::on_upstream_unavailable(UpstreamFailure why) {
  opening_ = false;
  fail_upstream(why);
}

void Exchange::on_client_lost(ClientLoss how) {
  outcome_.loss = how;
  break_client();
}

void Exchange::drop_upstream(bool at_fault) {
  if (!upstream_) return;
  UpstreamEnd* end = upstream_;
  upstream_ = nullptr;
  end->abort(at_fault);
}

// The client must see that the answer is not whole.
void Exchange::break_client() {
  if (!client_) return;
  ClientEnd* client = client_;
  if (waiting_for_route_) stop_waiting();
  if (waits_at_) stop_waiting_at_gate();
  if (opening_) pool_->cancel(*this);
  opening_ = false;
  drop_upstream();
  drop_filters();
  services_.sink.record(*this);
  client_ = nullptr;
  client->abort();
}

// Its answer was read to the end. With the request unread by the upstream its
// connection is of no more use.
void Exchange::give_back_upstream() {
  if (!upstream_) return;
  UpstreamEnd* end = upstream_;
  upstream_ = nullptr;
  if (request_complete_ && !outcome_.tunnel)
    end->release();
  else
    end->abort(false);
}

void Exchange::finish() {
  ClientEnd* client = client_;
  give_back_upstream();
  drop_filters();
  upstream_time_.disarm();
  body_time_.disarm();
  services_.sink.record(*this);
  client_ = nullptr;
  client->finished();
}

void Exchange::on_deadline(net::Deadline& which) {
  if (!client_) return;
  if (&which == &body_time_) return on_body_window();
  if (&which == &route_time_) return refuse(RefusalCause::directory_unavailable, 503);
  if (&which == &gate_time_) return refuse(RefusalCause::gate_unavailable, 503);
  if (&which == &total_time_) return fail_upstream(UpstreamFailure::total_timeout);
  if (outcome_.tunnel) return on_client_lost(ClientLoss::idle);
  // While the client takes nothing the upstream cannot be blamed.
  if (response_paused_) return arm_upstream(read_idle_);
  if (filters_are_late()) return filter_failed();
  // Both sides are silent, and the upstream has taken all there was: its health is
  // not to suffer for a client that leaves streams open.
  if (answer_ == Answer::streaming && !request_complete_ && !request_paused_)
    return on_client_lost(ClientLoss::idle);
  fail_upstream(answer_ == Answer::waiting ? UpstreamFailure::first_byte_timeout
                                           : UpstreamFailure::idle_timeout);
}

// The floor: whoever we wait for must move `body_floor` bytes a second. Nobody is
// held to it while the other side stands in the way.
void Exchange::on_body_window() {
  const std::uint64_t need = config::bytes_per_window(timeouts_);
  const auto in = static_cast<std::int64_t>(outcome_.bytes_in);
  if (!request_floor_holds() || request_paused_ || opening_) {
    window_in_.stop();
  } else if (!window_in_.running()) {
    window_in_.begin(in);
  } else if (window_in_.below(in, need)) {
    outcome_.loss = ClientLoss::too_slow;
    return refuse(RefusalCause::slow_body, 408);
  }
  if (!response_paused_) {
    window_out_.stop();
  } else if (!window_out_.running()) {
    window_out_.begin(taken_by_client());
  } else if (window_out_.below(taken_by_client(), need)) {
    return on_client_lost(ClientLoss::too_slow);
  }
  if (request_floor_holds() || response_paused_) arm_body_window();
}

}  // namespace marquee::proxy
