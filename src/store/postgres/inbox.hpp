// Tasks that any thread hands to an object of the control thread, in order and bounded.
// Every task is called exactly once: on the control thread with the object, or with
// null, where it was handed in, as there are too many of them or the object ends.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace marquee::store::postgres {

// A member of `Core`, which a shared_ptr owns.
template <typename Core>
class Inbox {
 public:
  using Task = std::function<void(Core* core)>;

  // `most`: tasks that were not begun yet.
  Inbox(boost::asio::io_context& io, std::size_t most) : io_(io), most_(most) {}

  void submit(std::weak_ptr<Core> owner, Task task) {
    bool taken = false;
    bool first = false;
    {
      const std::lock_guard hold(mutex_);
      if (!closed_ && tasks_.size() < most_) {
        first = tasks_.empty();
        tasks_.push_back(std::move(task));
        taken = true;
      }
    }
    if (!taken) return task(nullptr);
    if (!first) return;
    boost::asio::post(io_, [this, weak = std::move(owner)] {
      const std::shared_ptr<Core> core = weak.lock();
      if (!core) return;
      for (const Task& next : take(false)) next(core.get());
    });
  }

  // On the control thread. What was not begun is called with null, as is all that
  // comes later.
  void close() {
    for (const Task& task : take(true)) task(nullptr);
  }

 private:
  std::vector<Task> take(bool close) {
    const std::lock_guard hold(mutex_);
    closed_ |= close;
    return std::exchange(tasks_, {});
  }

  boost::asio::io_context& io_;
  const std::size_t most_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool closed_ = false;
};

}  // namespace marquee::store::postgres
