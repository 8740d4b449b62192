// Access log lines from the workers to a file, on a thread of their own.
//
// Each worker fills 64 KiB buffers and hands them over through a single-
// producer, single-consumer ring; the writer gives them back through another.
// The number of buffers is the bound: a worker that has none left drops the
// record and counts it. A worker never waits, never allocates once its buffers
// exist, and makes one system call per buffer (waking the writer).
//
// Slow output (a pipe nobody reads) and failing output (a full disk) lose
// records, which are counted; nothing else is harmed.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace marquee::base {

struct WorkerLogState;  // both ends of one worker's rings
struct LogWriterState;

// A worker's end. Used by that worker's thread only.
class WorkerLog {
 public:
  static constexpr std::size_t buffer_bytes = 64u << 10;

  explicit WorkerLog(WorkerLogState& state) : state_(state) {}
  WorkerLog(const WorkerLog&) = delete;
  WorkerLog& operator=(const WorkerLog&) = delete;

  // Room for one record of at most `bound` bytes (<= buffer_bytes), or null
  // when every buffer waits for the writer: the record is dropped and counted.
  char* reserve(std::size_t bound);
  // Ends the record for which room was reserved; it ends in '\n'.
  void commit(std::size_t bytes);

  // Something waits to be handed over: call tick() within a second.
  bool pending() const { return used_ > 0; }

  // Hands over what has waited for a second. `now` is any steady clock's time.
  void tick(std::chrono::steady_clock::time_point now);
  // Hands over what there is; the worker calls it when it stops.
  void flush();

 private:
  bool take_buffer();

  WorkerLogState& state_;
  char* data_ = nullptr;  // the buffer that is being filled
  std::size_t used_ = 0;
  std::uint32_t records_ = 0;
  std::chrono::steady_clock::time_point last_flush_{};
};

class LogWriter {
 public:
  struct Options {
    std::string target = "stdout";    // stdout | stderr | path of a file, created with mode 0640
    std::uint64_t queue = 16u << 20;  // bytes of buffers, all workers together; at least two each
    std::size_t workers = 1;
  };
  struct Stats {
    std::uint64_t written_records = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t failed_records = 0;    // lost to write errors, or left at the stop
    std::uint64_t reopen_failures = 0;   // the old file stays in use
    int last_error = 0;                  // errno; 0: none since the last success
    std::vector<std::uint64_t> dropped;  // per worker: no buffer was free
    std::uint64_t lost() const;          // failed and dropped, all told
  };

  explicit LogWriter(Options options);
  // Stops without waiting for slow output.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Opens the target and starts the thread. Call once.
  std::optional<Failure> start();

  // Valid as long as the LogWriter is.
  WorkerLog& worker(std::size_t index);

  // Any thread. The file is opened anew before the next buffer is written.
  void reopen();
  // Another target from the next buffer on. When it cannot be opened, the old
  // one stays. Not while another thread calls it or target().
  std::optional<Failure> redirect(const std::string& target);
  const std::string& target() const;
  // Any thread; the numbers are a moment old.
  Stats stats() const;

  // After all workers have flushed: writes what is queued, at most until
  // `deadline` from now, and ends the thread. True when no record was lost
  // by it; those that failed before count in stats().
  bool stop(std::chrono::milliseconds deadline);

 private:
  // The thread shares it: output that hangs in the kernel (a dead network
  // file system) cannot be interrupted, and the thread is then left behind.
  std::shared_ptr<LogWriterState> state_;
  std::vector<std::unique_ptr<WorkerLog>> workers_;
  bool running_ = false;
};

}  // namespace marquee::base
