// Calls of modules' APIs on their way from the workers to the directory's database: one
// bounded queue, one batch at a time, tried again with back-off while the database does
// not take it. No request waits for any of it. Lives on the control thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "identity/call_queue.hpp"
#include "proxy/call_records.hpp"

namespace marquee::app {

class CallService {
 public:
  // Declares the metrics: before Registry::start().
  CallService(boost::asio::io_context& control, base::Registry& registry, base::Logger& logger);

  // Null: calls are not recorded.
  void open(std::unique_ptr<identity::CallBook> book) { book_ = std::move(book); }
  // Of all workers; called on theirs. Null where calls are not recorded.
  proxy::CallRecords::HandOver hand_over();

  // `then` when all that waits is written, or after `most`, or when the database does
  // not take it: what is left is lost, and said.
  void finish(std::chrono::milliseconds most, std::function<void()> then);
  // Nothing is written any more.
  void stop();

 private:
  void take(identity::CallBundle bundle);
  void write();
  void on_written(const std::shared_ptr<identity::CallBatch>& batch,
                  const identity::CallBook::Written& result);
  void tell(const std::string& why);
  void end();

  boost::asio::io_context& control_;
  base::Logger& logger_;
  std::unique_ptr<identity::CallBook> book_;
  identity::CallQueue queue_;
  boost::asio::steady_timer again_{control_};   // the next try
  boost::asio::steady_timer finish_{control_};  // the last one's end
  base::Random random_ = base::Random::from_kernel();
  base::LogLimit log_limit_{1, std::chrono::seconds(30)};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::function<void()> then_;  // set: it is the end
  bool writing_ = false;
  std::size_t in_flight_ = 0;  // calls of the batch that is being written
  bool pausing_ = false;       // until the next try
  std::uint32_t failures_in_row_ = 0;
  std::uint64_t recorded_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t told_dropped_ = 0;  // as last logged
};

}  // namespace marquee::app
