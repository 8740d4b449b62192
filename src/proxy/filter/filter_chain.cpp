#include "proxy/filter/filter_chain.hpp"

#include <utility>
#include <vector>

namespace marquee::proxy {

class FilterChain::Core final : public FilterHost {
 public:
  Core(FilterChain& chain, ChainOwner& owner, BodySink& sink)
      : chain_(&chain), owner_(&owner), sink_(&sink) {}
  ~Core() = default;

  void add(std::unique_ptr<ResponseFilter> filter) {
    filter->host_ = this;
    if (filters_.empty()) filters_.reserve(kUsual);
    filters_.push_back({std::move(filter)});
  }

  HeadVerdict on_head(ResponseHeadEdit& head);
  std::size_t on_body(const BodySlice& slice);
  void resume();
  void fail(const base::Failure& failure);
  void woken() override;

  // The chain is gone: silence, and an end of this object as soon as may be.
  void orphan() {
    chain_ = nullptr;
    if (!busy_) delete this;
  }

 private:
  // The receiving side of filter i; with i == number of filters, of the sink.
  class Stage final : public BodySink {
   public:
    Stage(Core& core, std::size_t i) : core_(core), i_(i) {}
    std::size_t on_body(const BodySlice& slice) override { return core_.deliver(i_, slice); }
    void on_failed(const base::Failure& failure) override { core_.note_failure(failure); }

   private:
    Core& core_;
    std::size_t i_;
  };

  bool silent() const { return chain_ == nullptr || failed_; }
  Stage after(std::size_t filter) { return Stage(*this, filter + 1); }
  std::size_t deliver(std::size_t i, const BodySlice& slice);
  void note_failure(const base::Failure& failure);
  HeadVerdict decide_head();
  void go_on();
  void drain();
  void drain_while_asked();
  bool leave();

  FilterChain* chain_;  // null: destroyed while we were on the stack
  ChainOwner* owner_;
  BodySink* sink_;
  static constexpr std::size_t kUsual = 3;  // decode, brand, encode
  struct Link {
    std::unique_ptr<ResponseFilter> filter;
    bool ended = false;  // it has accepted the end
  };
  std::vector<Link> filters_;
  bool sink_ended_ = false;
  ResponseHeadEdit* head_ = nullptr;
  std::size_t head_at_ = 0;  // the filter whose verdict is next
  bool head_pending_ = false;
  bool head_decided_ = false;
  bool busy_ = false;            // one of our functions is on the stack
  bool source_stopped_ = false;  // it had a short take and waits for us
  bool sink_stopped_ = false;    // it took less than it was offered
  bool asked_ = false;           // a resume or wake came while busy
  bool sink_asked_ = false;      // and it was the sink's
  bool late_flush_ = false;      // a slice without bytes that came while busy
  bool late_end_ = false;
  bool failed_ = false;
  bool told_ = false;      // the sink knows of the failure
  std::size_t moved_ = 0;  // bytes that passed any stage: tells progress
  base::Failure failure_;
};

// Ends the outermost call. Returns false if this object is gone.
bool FilterChain::Core::leave() {
  if (chain_ && failed_ && !told_) {
    told_ = true;
    sink_->on_failed(failure_);
  }
  busy_ = false;
  if (chain_) return true;
  delete this;
  return false;
}

void FilterChain::Core::note_failure(const base::Failure& failure) {
  if (silent()) return;
  failed_ = true;
  failure_ = failure;
}

std::size_t FilterChain::Core::deliver(std::size_t i, const BodySlice& slice) {
  if (silent() || (slice.size == 0 && !slice.flush && !slice.end)) return 0;
  const auto ended = [&]() -> bool& {
    return i == filters_.size() ? sink_ended_ : filters_[i].ended;
  };
  if (ended()) {
    note_failure({base::FailureSource::self, false, "a response filter wrote beyond its end"});
    return 0;
  }
  std::size_t taken = 0;
  if (i == filters_.size()) {
    if (sink_stopped_ && slice.size != 0) return 0;
    sink_asked_ = false;  // a resume before this call says nothing about its result
    taken = sink_->on_body(slice);
    sink_stopped_ = taken < slice.size;
  } else {
    Stage out = after(i);
    taken = filters_[i].filter->on_body(slice, out);
  }
  if (taken > slice.size) {
    note_failure({base::FailureSource::self, false, "more of a body was taken than was offered"});
    return slice.size;
  }
  moved_ += taken;
  if (taken == slice.size && slice.end) {
    ended() = true;
    ++moved_;
  }
  return taken;
}

HeadVerdict FilterChain::Core::decide_head() {
  head_pending_ = false;
  while (head_at_ < filters_.size()) {
    asked_ = false;
    const HeadVerdict verdict = filters_[head_at_].filter->on_head(*head_);
    if (silent()) return HeadVerdict::pending;
    if (verdict == HeadVerdict::pending) {
      if (asked_) continue;  // woken from inside: it knows by now
      head_pending_ = true;
      return verdict;
    }
    if (verdict == HeadVerdict::engage) {
      ++head_at_;
    } else {
      filters_.erase(filters_.begin() + static_cast<std::ptrdiff_t>(head_at_));
    }
  }
  asked_ = false;
  head_decided_ = true;
  head_ = nullptr;
  return filters_.empty() ? HeadVerdict::pass : HeadVerdict::engage;
}

HeadVerdict FilterChain::Core::on_head(ResponseHeadEdit& head) {
  if (busy_ || head_decided_ || head_pending_) return HeadVerdict::pending;
  busy_ = true;
  head_ = &head;
  const HeadVerdict verdict = decide_head();
  if (!leave() || verdict != HeadVerdict::pass) return verdict;
  chain_->core_ = nullptr;
  orphan();
  return verdict;
}

std::size_t FilterChain::Core::on_body(const BodySlice& slice) {
  if (busy_ || !head_decided_) {
    asked_ = asked_ || busy_;
    late_flush_ = late_flush_ || (slice.size == 0 && slice.flush);
    late_end_ = late_end_ || (slice.size == 0 && slice.end);
    source_stopped_ = source_stopped_ || slice.size != 0;
    return 0;
  }
  busy_ = true;
  asked_ = source_stopped_ = false;
  BodySlice rest = slice;
  // A resume from inside this call is answered here: the source is on the stack.
  for (std::size_t before = moved_ + 1;;) {
    const std::size_t n = deliver(0, rest);
    rest.data += n;
    rest.size -= n;
    if (rest.size == 0 || silent() || !std::exchange(asked_, false) || moved_ == before) break;
    before = moved_;
    drain();
  }
  drain_while_asked();
  source_stopped_ = source_stopped_ || rest.size != 0;
  const std::size_t taken = slice.size - rest.size;
  leave();
  return taken;
}

// Last filter first, so that there is room for what the earlier ones hold.
void FilterChain::Core::drain() {
  if (std::exchange(sink_asked_, false)) sink_stopped_ = false;
  for (std::size_t i = filters_.size(); i-- > 0 && !silent();) {
    Stage out = after(i);
    filters_[i].filter->resume(out);
  }
  if (!late_flush_ && !late_end_) return;
  deliver(0, {nullptr, 0, 0, std::exchange(late_flush_, false), std::exchange(late_end_, false)});
}

// Ends when nobody asks any more, or when asking moves nothing.
void FilterChain::Core::drain_while_asked() {
  std::size_t before = moved_ + 1;
  while (std::exchange(asked_, false) && moved_ != before && !silent()) {
    before = moved_;
    drain();
  }
}

void FilterChain::Core::resume() {
  sink_asked_ = true;
  go_on();
}

void FilterChain::Core::go_on() {
  asked_ = true;
  if (busy_ || !head_decided_ || silent()) return;
  busy_ = true;
  drain_while_asked();
  const bool call = std::exchange(source_stopped_, false) && !silent();
  if (leave() && call) owner_->on_chain_resume();
}

void FilterChain::Core::woken() {
  if (busy_ || !head_pending_) return go_on();
  busy_ = true;
  const HeadVerdict verdict = decide_head();
  if (verdict != HeadVerdict::pending) owner_->on_chain_head(verdict);
  // What the owner offered meanwhile was refused: ask for it now.
  const bool refused = source_stopped_ || late_flush_ || late_end_;
  if (leave() && refused) go_on();
}

void FilterChain::Core::fail(const base::Failure& failure) {
  note_failure(failure);
  if (busy_) return;  // the outermost call tells the sink
  busy_ = true;
  leave();
}

FilterChain::~FilterChain() {
  if (core_) core_->orphan();
}

void FilterChain::add(std::unique_ptr<ResponseFilter> filter) {
  if (!core_) core_ = new Core(*this, *owner_, *sink_);
  core_->add(std::move(filter));
}

HeadVerdict FilterChain::on_head(ResponseHeadEdit& head) {
  return core_ ? core_->on_head(head) : HeadVerdict::pass;
}

std::size_t FilterChain::on_body(const BodySlice& slice) {
  return core_ ? core_->on_body(slice) : sink_->on_body(slice);
}

void FilterChain::resume() {
  if (core_) return core_->resume();
  owner_->on_chain_resume();
}

void FilterChain::on_failed(const base::Failure& failure) {
  if (core_) return core_->fail(failure);
  sink_->on_failed(failure);
}

}  // namespace marquee::proxy
