// Records calls of modules' APIs in an SQLite file (identity/call_book.hpp has the
// contract), from one thread of its own. The file is made by the directory that reads it.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "identity/call_book.hpp"

namespace marquee::store {

class SqliteDatabase;

class SqliteCallBook final : public identity::CallBook {
 public:
  struct Options {
    std::string path;
    std::chrono::milliseconds timeout{2000};  // for another one's lock
  };
  explicit SqliteCallBook(Options options);
  ~SqliteCallBook() override;

  void write(const identity::CallBatch& batch, std::function<void(Written)> done) override;
  std::string description() const override { return "sqlite " + options_.path; }

  static constexpr std::chrono::seconds kLimit{5};  // of one batch

 private:
  struct Task {
    std::string batch;  // as JSON
    std::size_t calls = 0;
    std::function<void(Written)> done;
  };
  void work();
  Written carry_out(const Task& task) const;

  const Options options_;
  std::mutex mutex_;  // guards those below
  std::condition_variable wake_;
  std::optional<Task> task_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace marquee::store
