// A worker's buffer of calls of modules' APIs.
#include "proxy/call_records.hpp"

#include <doctest/doctest.h>

using namespace marquee;
using namespace marquee::proxy;
using config::RecordCalls;
using identity::CallBundle;

namespace {

struct Rig {
  explicit Rig(RecordCalls what = RecordCalls::all) { records.install(what); }
  void pass(std::chrono::milliseconds time) {
    turn.set_time(turn.now() + time, turn.wall_ms() + time.count());
    turn.deadlines().expire(turn.now());
  }
  void add(std::size_t count, const std::string& key = "k") {
    for (std::size_t i = 0; i < count; ++i) {
      identity::ApiCall call;
      call.api_key = key;
      call.at_ms = next++;
      records.add(std::move(call));
    }
  }
  // As the control thread does.
  CallBundle take() {
    REQUIRE(!bundles.empty());
    CallBundle out = std::move(bundles.front());
    bundles.erase(bundles.begin());
    open->fetch_sub(1);
    return out;
  }
  net::Turn turn;
  std::vector<CallBundle> bundles;
  CallRecords::Open open;
  std::int64_t next = 0;
  CallRecords records{turn, [this](CallBundle bundle, const CallRecords::Open& o) {
                        bundles.push_back(std::move(bundle));
                        open = o;
                      }};
};

}  // namespace

TEST_CASE("calls are handed over after a second, or when the buffer is full") {
  Rig rig;
  rig.add(3);
  CHECK(rig.bundles.empty());
  rig.pass(CallRecords::kLongest - net::Ms(1));
  CHECK(rig.bundles.empty());
  rig.pass(net::Ms(1));
  const CallBundle first = rig.take();
  CHECK(first.calls.size() == 3);
  REQUIRE(first.uses.size() == 1);
  CHECK(first.uses[0].calls == 3);
  CHECK(first.uses[0].last_ms == 2);
  rig.add(CallRecords::kMostCalls);
  CHECK(rig.bundles.empty());
  rig.add(1);
  CHECK(rig.take().calls.size() == CallRecords::kMostCalls);
  rig.pass(CallRecords::kLongest);
  CHECK(rig.take().calls.size() == 1);
  rig.pass(10 * CallRecords::kLongest);
  CHECK(rig.bundles.empty());
}

TEST_CASE("bundles that nobody takes are bounded: calls are dropped and counted, uses are not") {
  Rig rig;
  constexpr std::size_t most = CallRecords::kMostCalls * (CallRecords::kMostBundles + 1);
  rig.add(most + 50);
  CHECK(rig.bundles.size() == CallRecords::kMostBundles);
  rig.pass(CallRecords::kLongest);
  CHECK(rig.bundles.size() == CallRecords::kMostBundles);
  std::size_t calls = 0;
  std::uint64_t uses = 0;
  std::uint64_t dropped = 0;
  for (int i = 0; i < 2; ++i) {
    while (!rig.bundles.empty()) {
      const CallBundle bundle = rig.take();
      calls += bundle.calls.size();
      dropped += bundle.dropped_calls;
      for (const auto& use : bundle.uses) uses += use.calls;
    }
    rig.pass(CallRecords::kLongest);
  }
  CHECK(calls == most);
  CHECK(dropped == 50);
  CHECK(uses == most + 50);
}

TEST_CASE("uses are bounded by the number of ids") {
  Rig rig;
  for (std::size_t i = 0; i < CallRecords::kMostIds + 5; ++i) {
    identity::ApiCall call;
    call.consumer = std::to_string(i);
    rig.records.install(RecordCalls::counts);
    rig.records.add(std::move(call));
  }
  rig.records.flush();
  const CallBundle bundle = rig.take();
  CHECK(bundle.calls.empty());
  CHECK(bundle.uses.size() == CallRecords::kMostIds);
  CHECK(bundle.dropped_uses == 5);
}

TEST_CASE("by the settings only counters, or nothing") {
  Rig counts(RecordCalls::counts);
  counts.add(2);
  counts.pass(CallRecords::kLongest);
  const CallBundle bundle = counts.take();
  CHECK(bundle.calls.empty());
  CHECK(bundle.uses.size() == 1);
  CHECK(bundle.dropped_calls == 0);
  Rig off(RecordCalls::off);
  off.add(2);
  off.pass(CallRecords::kLongest);
  CHECK(off.bundles.empty());
}
