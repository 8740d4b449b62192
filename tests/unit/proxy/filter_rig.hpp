// The proxy rig with filters between the answer's two ends.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/filter/sample_filters.hpp"
#include "session_scenarios.hpp"
#include "wire_text.hpp"

namespace marquee::proxy::testing {

class TestSource final : public FilterSource {
 public:
  using Make = std::function<void(FilterChain&)>;
  explicit TestSource(Make m = {}) : make(std::move(m)) {}
  void add_filters(FilterChain& chain, const Exchange&) override {
    ++asked;
    if (make) make(chain);
  }
  Make make;
  std::size_t asked = 0;
};

// What a test does to the GateFilter of the answer that is under way.
struct HeldFilter {
  class GateFilter* filter = nullptr;
  std::optional<HeadVerdict> head;  // none: pending
  bool body_open = true;            // takes bytes
  bool end_open = true;             // hands the end on
  void (*edit)(ResponseHeadEdit&) = nullptr;
  void wake();
};

// An identity that waits where its gate says so.
class GateFilter final : public ResponseFilter {
 public:
  explicit GateFilter(HeldFilter& gate) : gate_(gate) { gate.filter = this; }
  ~GateFilter() override { gate_.filter = nullptr; }
  HeadVerdict on_head(ResponseHeadEdit& head) override {
    if (gate_.edit) gate_.edit(head);
    return gate_.head.value_or(HeadVerdict::pending);
  }
  std::size_t on_body(const BodySlice& in, BodySink& out) override {
    if (!gate_.body_open && in.size != 0) return 0;
    BodySlice slice = in;
    slice.end = slice.end && gate_.end_open;
    const std::size_t n = slice.size || slice.flush || slice.end ? out.on_body(slice) : 0;
    end_held_ = n == in.size && in.end && !slice.end;
    return n;
  }
  void resume(BodySink& out) override {
    if (end_held_ && gate_.end_open) {
      end_held_ = false;
      out.on_body({nullptr, 0, 0, false, true});
    }
  }
  void open() { wake(); }

 private:
  HeldFilter& gate_;
  bool end_held_ = false;
};

inline void HeldFilter::wake() {
  if (filter) filter->open();
}

// Doubles without saying how long that will be.
class UnknownLengthFilter final : public ResponseFilter {
 public:
  explicit UnknownLengthFilter(std::size_t capacity) : doubling_(capacity) {}
  HeadVerdict on_head(ResponseHeadEdit& head) override {
    doubling_.on_head(head);
    head.set_content_length(std::nullopt);
    return HeadVerdict::engage;
  }
  std::size_t on_body(const BodySlice& in, BodySink& out) override {
    return doubling_.on_body(in, out);
  }
  void resume(BodySink& out) override { doubling_.resume(out); }

 private:
  DoublingFilter doubling_;
};

// Breaks a rule at a chosen byte of the body.
struct Misdeed {
  enum Kind {
    fails,
    promises_less,
    promises_more,
    bad_value,
    framing_field,
    swallows_flush,
    forgets
  } kind = fails;
  std::size_t at = 0;
};
class BadFilter final : public ResponseFilter {
 public:
  explicit BadFilter(Misdeed m) : misdeed_(m) {}
  HeadVerdict on_head(ResponseHeadEdit& head) override {
    const std::uint64_t length = head.content_length().value_or(0);
    switch (misdeed_.kind) {
      case Misdeed::promises_less:
        head.set_content_length(length - 1);
        break;
      case Misdeed::promises_more:
        head.set_content_length(length + 1);
        break;
      case Misdeed::bad_value:
        head.set("x-page", "a\r\nSet-Cookie: b=c");
        break;
      case Misdeed::framing_field:
        head.set("transfer-encoding", "gzip");
        break;
      default:
        break;
    }
    return HeadVerdict::engage;
  }
  std::size_t on_body(const BodySlice& in, BodySink& out) override {
    if (misdeed_.kind == Misdeed::fails && seen_ + in.size >= misdeed_.at) {
      out.on_failed({base::FailureSource::self, false, "as the test wishes"});
      return 0;
    }
    if (misdeed_.kind == Misdeed::swallows_flush && in.size == 0 && !in.end) return 0;
    const std::size_t n = out.on_body(in);
    seen_ += n;
    return misdeed_.kind == Misdeed::forgets ? in.size : n;
  }
  void resume(BodySink&) override {}

 private:
  Misdeed misdeed_;
  std::size_t seen_ = 0;
};

template <typename Filter, typename... Arguments>
TestSource::Make one(Arguments... arguments) {
  return [arguments...](FilterChain& chain) { chain.add(std::make_unique<Filter>(arguments...)); };
}
inline TestSource::Make gated(HeldFilter& gate) {
  return [&gate](FilterChain& chain) { chain.add(std::make_unique<GateFilter>(gate)); };
}

struct FilterRig {
  FilterRig(const Scenario& scenario, const RunOptions& options, TestSource::Make make)
      : source(std::move(make)), rig(scenario, options) {
    rig.services.filters = &source;
  }
  std::string client() const { return wire_text(rig.client_wire.out); }
  const Outcome& outcome(std::size_t i = 0) {
    REQUIRE(rig.records.all.size() > i);
    return rig.records.all[i].outcome;
  }
  void finish() {
    rig.pass_time();
    rig.check_over();
  }
  TestSource source;
  ProxyRig rig;
};

}  // namespace marquee::proxy::testing
