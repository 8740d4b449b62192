// Calls of modules' APIs that ended on one worker, until the control thread takes them:
// a buffer of this worker's own, handed over when it is full or after a second. Where
// nobody takes them, rows are dropped and counted; use counts stay for the next time.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "config/settings.hpp"
#include "identity/call_queue.hpp"
#include "net/turn.hpp"

namespace marquee::proxy {

class Exchange;

class CallRecords final : public net::Expiring {
 public:
  // Bundles that were handed over and not taken yet: whoever takes one counts down.
  using Open = std::shared_ptr<std::atomic<std::uint32_t>>;
  using HandOver = std::function<void(identity::CallBundle, const Open&)>;

  CallRecords(net::Turn& turn, HandOver hand_over);

  // From now on; what was added before stays.
  void install(config::RecordCalls what) { what_ = what; }
  // One that has ended, of an exchange with a module_call(). `total_us`: it took.
  void record(const Exchange& exchange, std::int64_t total_us);
  void add(identity::ApiCall call);
  // At once what there is. On this worker, or when it runs no more.
  void flush();

  void on_deadline(net::Deadline&) override { flush(); }

  static constexpr std::size_t kMostCalls = 128;    // in a bundle
  static constexpr std::size_t kMostIds = 1024;     // whose uses wait here
  static constexpr std::uint32_t kMostBundles = 8;  // not taken yet
  static constexpr net::Ms kLongest{1000};          // that a call waits here

 private:
  void count_use(const identity::ApiCall& call);

  net::Turn& turn_;
  HandOver hand_over_;
  config::RecordCalls what_ = config::RecordCalls::off;
  Open open_ = std::make_shared<std::atomic<std::uint32_t>>(0);
  std::vector<identity::ApiCall> calls_;
  identity::UseCounts uses_{kMostIds};
  std::uint64_t dropped_calls_ = 0;
  std::uint64_t dropped_uses_ = 0;
  net::Deadline time_;
};

}  // namespace marquee::proxy
