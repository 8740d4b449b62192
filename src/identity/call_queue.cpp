#include "identity/call_queue.hpp"

#include <iterator>
#include <utility>

namespace marquee::identity {

void CallQueue::add(CallBundle bundle) {
  dropped_calls_ += bundle.dropped_calls;
  dropped_uses_ += bundle.dropped_uses;
  keep(bundle.uses);
  std::move(bundle.calls.begin(), bundle.calls.end(), std::back_inserter(calls_));
  make_room();
}

CallBatch CallQueue::take() {
  CallBatch out;
  const bool alone = std::exchange(uses_alone_, false);
  while (!alone && !calls_.empty() && out.calls.size() < CallBook::kMostCalls) {
    out.calls.push_back(std::move(calls_.front()));
    calls_.pop_front();
  }
  out.uses = uses_.take(CallBook::kMostUses);
  return out;
}

void CallQueue::give_back(CallBatch batch) {
  keep(batch.uses);
  calls_.insert(calls_.begin(), std::make_move_iterator(batch.calls.begin()),
                std::make_move_iterator(batch.calls.end()));
  make_room();
}

void CallQueue::forget(CallBatch batch) {
  if (!batch.calls.empty()) {
    keep(batch.uses);
    uses_alone_ = !batch.uses.empty();
    return;
  }
  for (const Use& use : batch.uses) dropped_uses_ += use.calls;
}

void CallQueue::keep(const std::vector<Use>& uses) {
  for (const Use& use : uses)
    if (!uses_.add(use)) dropped_uses_ += use.calls;
}

void CallQueue::make_room() {
  while (calls_.size() > most_) {
    calls_.pop_front();
    ++dropped_calls_;
  }
}

}  // namespace marquee::identity
