// Answers that are being made on another thread while the directory may end: whoever
// comes first tells, the work or the end, and the other one does nothing.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/failure.hpp"

namespace marquee::store::postgres {

class OpenWork {
 public:
  virtual ~OpenWork() = default;
  virtual void close(const base::Failure& failure) = 0;
};

// `Answer` has a `failure`, and is one as it is made.
template <typename Answer>
class OpenAnswer final : public OpenWork {
 public:
  explicit OpenAnswer(std::function<void(Answer)> done) : done_(std::move(done)) {}
  // Any thread. Told under a lock, so that close() returns after that.
  void answer(Answer made) {
    const std::lock_guard hold(mutex_);
    if (const auto tell = std::exchange(done_, nullptr)) tell(std::move(made));
  }
  void close(const base::Failure& failure) override {
    Answer closing;
    closing.failure = failure;
    answer(std::move(closing));
  }

 private:
  std::mutex mutex_;
  std::function<void(Answer)> done_;
};

// All that is open. On the control thread.
class OpenWorks {
 public:
  template <typename Answer>
  std::shared_ptr<OpenAnswer<Answer>> open(std::function<void(Answer)> done) {
    std::erase_if(works_, [](const auto& weak) { return weak.expired(); });
    auto work = std::make_shared<OpenAnswer<Answer>>(std::move(done));
    works_.push_back(work);
    return work;
  }
  // Answers what is open with `failure`.
  void close(const base::Failure& failure) {
    for (const auto& weak : works_)
      if (const auto work = weak.lock()) work->close(failure);
  }

 private:
  std::vector<std::weak_ptr<OpenWork>> works_;
};

}  // namespace marquee::store::postgres
