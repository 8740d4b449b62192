#include "proxy/call_records.hpp"

#include <algorithm>
#include <utility>

#include "identity/caller.hpp"
#include "identity/tenant_directory.hpp"
#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

using identity::Use;

std::string_view user_agent_of(const http::RequestHead& request) {
  for (const http::Field& f : request.fields)
    if (f.id == http::FieldId::user_agent) return f.value;
  return {};
}

}  // namespace

CallRecords::CallRecords(net::Turn& turn, HandOver hand_over)
    : turn_(turn), hand_over_(std::move(hand_over)) {}

void CallRecords::record(const Exchange& exchange, std::int64_t total_us) {
  const auto word = [](std::string_view text) {
    return identity::call_text(text, identity::kMostCallWord);
  };
  const Exchange::ModuleCall& of = *exchange.module_call();
  const http::RequestHead& request = exchange.request();
  const Outcome& outcome = exchange.outcome();
  identity::ApiCall call;
  call.at_ms = turn_.wall_ms();
  call.status = outcome.status;
  call.milliseconds =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(total_us / 1000, 0, INT32_MAX));
  call.module = word(of.module);
  call.site = word(of.site);
  call.installation = word(of.installation);
  if (const identity::ApiRoute* route = exchange.api_route()) call.route = word(route->id);
  call.method = word(request.method_name);
  call.path = identity::call_path(of.path);
  if (const identity::Caller* caller = exchange.caller()) {
    call.auth = caller->auth;
    call.api_key = word(caller->api_key);
    call.consumer = word(caller->consumer);
    call.user = word(caller->user);
  }
  const std::string_view client = exchange.client_text();
  call.client = word(client.empty() ? std::string_view(exchange.facts().client_text) : client);
  call.user_agent = identity::call_text(user_agent_of(request), identity::kMostCallAgent);
  const std::string_view refusal = refusal_of(outcome);
  call.error = refusal.empty() ? failure_of(outcome) : refusal;
  add(std::move(call));
}

void CallRecords::add(identity::ApiCall call) {
  if (what_ == config::RecordCalls::off) return;
  count_use(call);
  if (what_ == config::RecordCalls::all) {
    if (calls_.size() >= kMostCalls) flush();
    if (calls_.size() < kMostCalls)
      calls_.push_back(std::move(call));
    else
      ++dropped_calls_;
  }
  if (!time_.armed()) turn_.deadlines().arm(time_, *this, kLongest, turn_.now());
}

void CallRecords::count_use(const identity::ApiCall& call) {
  const auto count = [&](Use::Of of, const std::string& id) {
    if (!id.empty() && !uses_.add(of, id, call.at_ms)) ++dropped_uses_;
  };
  count(Use::Of::api_key, call.api_key);
  count(Use::Of::consumer, call.consumer);
}

void CallRecords::flush() {
  time_.disarm();
  if (calls_.empty() && uses_.empty() && dropped_calls_ == 0 && dropped_uses_ == 0) return;
  if (open_->load(std::memory_order_relaxed) >= kMostBundles) {
    // The control thread is busy: what waits here waits on, and takes no more.
    turn_.deadlines().arm(time_, *this, kLongest, turn_.now());
    return;
  }
  open_->fetch_add(1, std::memory_order_relaxed);
  identity::CallBundle bundle;
  bundle.calls = std::exchange(calls_, {});
  bundle.uses = uses_.take(kMostIds);
  bundle.dropped_calls = std::exchange(dropped_calls_, 0);
  bundle.dropped_uses = std::exchange(dropped_uses_, 0);
  hand_over_(std::move(bundle), open_);
}

}  // namespace marquee::proxy
