#include "app/call_service.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "store/postgres/backoff.hpp"

namespace marquee::app {
namespace {

using identity::CallBatch;
using identity::CallBook;
using identity::CallBundle;
using Status = CallBook::Written::Status;

constexpr store::postgres::Backoff kBackoff{std::chrono::milliseconds(200),
                                            std::chrono::milliseconds(5000)};

base::MetricSample sample(std::uint64_t value, std::vector<std::string> labels = {}) {
  base::MetricSample out;
  out.labels = std::move(labels);
  out.value = static_cast<double>(value);
  return out;
}

}  // namespace

CallService::CallService(boost::asio::io_context& control, base::Registry& registry,
                         base::Logger& logger)
    : control_(control), logger_(logger) {
  using base::MetricKind;
  using Samples = std::vector<base::MetricSample>;
  registry.collected(
      {"marquee_api_calls_recorded_total", "Calls of modules' APIs written into the database."},
      MetricKind::counter, {}, [this](Samples& out) {
        if (book_) out.push_back(sample(recorded_));
      });
  registry.collected({"marquee_api_calls_dropped_total",
                      "Calls of modules' APIs that are in no row of the database, by reason."},
                     MetricKind::counter, {"reason"}, [this](Samples& out) {
                       if (!book_) return;
                       out.push_back(sample(queue_.dropped_calls(), {"full"}));
                       out.push_back(sample(left_out_, {"refused"}));
                     });
  registry.collected(
      {"marquee_api_calls_waiting", "Calls of modules' APIs that wait to be written."},
      MetricKind::gauge, {}, [this](Samples& out) {
        if (book_) out.push_back(sample(queue_.waiting() + in_flight_));
      });
  registry.collected({"marquee_api_call_uses_dropped_total",
                      "Calls that the use counters of keys and consumers lack."},
                     MetricKind::counter, {}, [this](Samples& out) {
                       if (book_) out.push_back(sample(queue_.dropped_uses()));
                     });
  registry.collected({"marquee_api_call_write_failures_total",
                      "Times that calls of modules' APIs could not be written."},
                     MetricKind::counter, {}, [this](Samples& out) {
                       if (book_) out.push_back(sample(failures_));
                     });
}

proxy::CallRecords::HandOver CallService::hand_over() {
  if (!book_) return nullptr;
  return [this](CallBundle bundle, const proxy::CallRecords::Open& open) {
    boost::asio::post(control_, [this, bundle = std::move(bundle), open]() mutable {
      open->fetch_sub(1, std::memory_order_relaxed);
      take(std::move(bundle));
    });
  };
}

void CallService::take(CallBundle bundle) {
  queue_.add(std::move(bundle));
  if (queue_.dropped_calls() != told_dropped_) tell("more than can wait");
  write();
}

void CallService::write() {
  if (!book_ || writing_ || pausing_) return;
  if (queue_.empty()) return end();
  writing_ = true;
  const auto batch = std::make_shared<CallBatch>(queue_.take());
  in_flight_ = batch->calls.size();
  book_->write(*batch, [this, batch, alive = std::weak_ptr(alive_)](const CallBook::Written& w) {
    boost::asio::post(control_, [this, batch, alive, w] {
      if (alive.lock()) on_written(batch, w);
    });
  });
}

void CallService::on_written(const std::shared_ptr<CallBatch>& batch,
                             const CallBook::Written& result) {
  writing_ = false;
  in_flight_ = 0;
  if (result.status == Status::written) {
    failures_in_row_ = 0;
    left_out_ += result.left_out;
    recorded_ += batch->calls.size() - std::min<std::size_t>(result.left_out, batch->calls.size());
    return write();
  }
  ++failures_;
  if (result.status == Status::refused) {
    left_out_ += batch->calls.size();
    queue_.forget(std::move(*batch));
  } else {
    queue_.give_back(std::move(*batch));
  }
  tell(result.sentence);
  if (then_ && failures_in_row_ > 0) return end();
  ++failures_in_row_;
  pausing_ = true;
  again_.expires_after(store::postgres::backoff_delay(kBackoff, failures_in_row_, random_.next()));
  again_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    pausing_ = false;
    write();
  });
}

void CallService::tell(const std::string& why) {
  told_dropped_ = queue_.dropped_calls();
  logger_.write(base::LogLevel::warn, log_limit_, std::chrono::steady_clock::now(),
                "calls of modules' APIs are not recorded now",
                {{"reason", why},
                 {"directory", book_->description()},
                 {"waiting", queue_.waiting()},
                 {"dropped", queue_.dropped_calls()}});
}

void CallService::finish(std::chrono::milliseconds most, std::function<void()> then) {
  then_ = std::move(then);
  if (!book_) return end();
  finish_.expires_after(most);
  finish_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) end();
  });
  // One more try at once, whatever it waits for.
  again_.cancel();
  pausing_ = false;
  write();
}

void CallService::end() {
  if (!then_) return;
  finish_.cancel();
  std::exchange(then_, nullptr)();
}

void CallService::stop() {
  if (const std::size_t lost = queue_.waiting() + in_flight_; book_ && lost > 0)
    logger_.warn("calls of modules' APIs are lost",
                 {{"calls", lost}, {"directory", book_->description()}});
  alive_.reset();
  again_.cancel();
  finish_.cancel();
  book_.reset();
}

}  // namespace marquee::app
