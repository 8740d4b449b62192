#include "proxy/call_records.hpp"

#include <utility>

namespace marquee::proxy {

using identity::Use;

CallRecords::CallRecords(net::Turn& turn, HandOver hand_over)
    : turn_(turn), hand_over_(std::move(hand_over)) {}

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
