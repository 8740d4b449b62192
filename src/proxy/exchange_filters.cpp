// The filters between the two ends of an answer: its head offered to them before
// it is sent, its body through the chain.
//
// Only an upstream's answer that has a body passes them. Answers of our own do
// not: they are already what they are to be, and an error page must not fail by
// the filter whose failure it tells.
#include <algorithm>
#include <utility>

#include "proxy/exchange.hpp"

namespace marquee::proxy {

// True: the head waits for a filter's verdict, until on_chain_head().
bool Exchange::filters_hold_head() {
  if (!services_.filters->wants(*this)) return false;
  if (local_.active() || response_.status == 101) return false;
  if (response_.body.kind == http::BodyKind::none) {
    head_editor_.begin();
    if (request_.method == http::Method::head)
      services_.filters->edit_head_alone(head_editor_, *this);
    return false;
  }
  chain_.emplace(static_cast<ChainOwner&>(*this), static_cast<BodySink&>(*this));
  services_.filters->add_filters(*chain_, *this);
  if (chain_->empty()) {
    chain_.reset();
    return false;
  }
  head_editor_.begin();
  const HeadVerdict verdict = chain_->on_head(head_editor_);
  if (verdict == HeadVerdict::pending) {
    filtering_ = Filtering::head_waits;
    head_editor_.keep();
    arm_upstream(read_idle_);
    return true;
  }
  if (head_editor_.refused()) {
    filtering_ = Filtering::head_waits;  // of what is to come nothing may pass
    filter_failed();
    return true;
  }
  if (verdict == HeadVerdict::engage) {
    filtering_ = Filtering::on;
    promised_ = response_.body.length;
  } else {
    chain_.reset();
  }
  return false;
}

// The upstream's bytes wait where they are; what came of it without bytes is
// made good here.
void Exchange::on_chain_head(HeadVerdict verdict) {
  if (head_editor_.refused()) return filter_failed();
  filtering_ = verdict == HeadVerdict::engage ? Filtering::on : Filtering::off;
  promised_ = response_.body.length;
  send_response_head();
  if (!source_ended_) {
    const bool stopped = std::exchange(chain_stopped_, false);
    if (filtering_ == Filtering::off) drop_filters();
    return stopped ? upstream_->resume_response() : client_->flush();
  }
  if (filtering_ == Filtering::off) return end_response(answer_trailers_);
  body_given_ = true;
  chain_->on_body({nullptr, 0, 0, false, true});
}

std::size_t Exchange::filter_body(const BodySlice& slice) {
  if (filtering_ == Filtering::head_waits) {
    chain_stopped_ |= slice.size != 0;
    return 0;
  }
  bare_end_ |= slice.bare_end;
  const std::size_t taken = chain_->on_body(slice);
  if (filtering_ != Filtering::on) return taken;  // failed: all is over
  body_given_ |= slice.end && taken == slice.size;
  if (slice.size == 0) client_->flush();  // the head at least
  if (slice.size != 0) chain_stopped_ = taken < slice.size;
  arm_upstream(read_idle_);
  return taken;
}

// The upstream is no longer needed; what the chain still holds the client gets
// from there.
void Exchange::end_filtered(http::FieldTable* trailers) {
  source_ended_ = true;
  answer_trailers_ = trailers;
  if (filtering_ == Filtering::on) {
    if (body_delivered_) return end_response(trailers);
    if (!std::exchange(body_given_, true)) {
      chain_->on_body({nullptr, 0, 0, false, true});
      if (!client_) return;
    }
  }
  keep_trailers(trailers);
  give_back_upstream();
  arm_upstream(read_idle_);
}

// They live in their connection, which may serve another exchange next.
void Exchange::keep_trailers(const http::FieldTable* trailers) {
  if (!trailers) return;
  kept_trailers_ = std::make_unique<http::FieldTable>();
  for (http::Field f : *trailers) {
    f.name = arena_.copy(f.name);
    f.value = arena_.copy(f.value);
    kept_trailers_->push(f);
  }
  answer_trailers_ = kept_trailers_.get();
}

void Exchange::on_chain_resume() {
  chain_stopped_ = false;
  if (upstream_) upstream_->resume_response();
}

// The chain's last stage: the client. A filter is held to the length that it has
// promised, and to offering again what was not taken (a chunk of h1 may be open).
std::size_t Exchange::on_body(const BodySlice& slice) {
  const bool counted = response_.body.kind == http::BodyKind::length;
  if (counted && slice.size > promised_) {
    filter_failed();
    return 0;
  }
  BodySlice out = slice;
  out.bare_end = slice.end && (bare_end_ || (source_ended_ && !answer_trailers_));
  const std::size_t taken = slice.size || !slice.end ? to_client(out) : 0;
  owed_ = std::max(owed_, slice.size) - taken;
  if (counted) promised_ -= taken;
  if (!slice.end || taken < slice.size) return taken;
  if (owed_ != 0 || (counted && promised_ != 0)) {
    filter_failed();
    return taken;
  }
  body_delivered_ = true;
  if (source_ended_) end_response(answer_trailers_);
  return taken;
}

// The wait for a filter has no other limit than the one for an upstream.
bool Exchange::filters_are_late() const {
  return filtering_ == Filtering::head_waits ||
         (filtering_ == Filtering::on && (chain_stopped_ || source_ended_));
}

// Of the upstream or of a filter: the client must see it.
void Exchange::on_failed(const base::Failure&) {
  if (outcome_.failure == UpstreamFailure::none) return filter_failed();
  break_client();
}

void Exchange::filter_failed() {
  outcome_.cause = RefusalCause::response_filter;
  answer_error(502);
}

// Also from within one of its callbacks (filter_chain.hpp allows that).
void Exchange::end_filtering() {
  chain_.reset();
  kept_trailers_.reset();
  filtering_ = Filtering::off;
  chain_stopped_ = body_given_ = source_ended_ = body_delivered_ = bare_end_ = false;
  owed_ = 0;
}

}  // namespace marquee::proxy
