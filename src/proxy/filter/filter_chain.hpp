// The filters of one response, in order. Empty by default, and then nothing but
// a call passed on: no allocation, no state.
//
// Any function here may be called from inside any callback (owner, sink, filter),
// and the chain may be destroyed there: what would re-enter a party that is on
// the stack is noted and done when the outermost call into the chain returns.
#pragma once
#include <cstddef>
#include <memory>

#include "proxy/filter/response_filter.hpp"

namespace marquee::proxy {

// The producing side of the chain's user (the exchange).
class ChainOwner {
 public:
  // Offer again what was not taken. Comes only after a short take, never from
  // inside on_body, and may come without need. The usual answer is on_body().
  virtual void on_chain_resume() = 0;
  // on_head() had said pending: this is the decision (pass or engage).
  virtual void on_chain_head(HeadVerdict verdict) = 0;

 protected:
  ~ChainOwner() = default;
};

class FilterChain {
 public:
  // Both outlive the chain.
  FilterChain(ChainOwner& owner, BodySink& sink) : owner_(&owner), sink_(&sink) {}
  // No callback comes after this. Filters on the stack are destroyed when they
  // have returned.
  ~FilterChain();
  FilterChain(const FilterChain&) = delete;
  FilterChain& operator=(const FilterChain&) = delete;

  // Before on_head. The first added sees the upstream's bytes.
  void add(std::unique_ptr<ResponseFilter> filter);

  // Once, before the head is committed. pass: the chain is empty now and the fast
  // path may be used. pending: keep `head` until on_chain_head.
  HeadVerdict on_head(ResponseHeadEdit& head);
  bool empty() const { return core_ == nullptr; }

  // From the producer: returns the bytes taken. After a short take wait for
  // on_chain_resume. Takes nothing before the head is decided, after a failure,
  // or when called from inside one of the chain's callbacks (and resumes then).
  std::size_t on_body(const BodySlice& slice);
  // From the sink's side: it can take bytes again.
  void resume();
  // The producer broke off: what filters hold is not sent; the sink is told once.
  void on_failed(const base::Failure& failure);

 private:
  class Core;
  ChainOwner* owner_;
  BodySink* sink_;
  Core* core_ = nullptr;  // owned; outlives the chain while a call is on the stack
};

}  // namespace marquee::proxy
