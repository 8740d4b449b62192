#include "base/log_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/ring.hpp"

namespace marquee::base {
namespace {

using Clock = std::chrono::steady_clock;

// Indexes of buffers. It has room for all of a worker's, so a push never fails.
using IndexRing = Ring<std::uint32_t>;

struct Buffer {
  std::unique_ptr<char[]> data;  // made by the worker when first needed
  std::size_t used = 0;
  std::uint32_t records = 0;
};

// A file descriptor that is closed unless it was lent (stdout, stderr).
class Output {
 public:
  enum class Kind : std::uint8_t { file, socket, other };
  Output() = default;
  Output(int fd, bool owned) : fd_(fd), owned_(owned) {
    struct stat s {};
    if (fd >= 0 && ::fstat(fd, &s) == 0) {
      kind_ = S_ISREG(s.st_mode) ? Kind::file : S_ISSOCK(s.st_mode) ? Kind::socket : Kind::other;
    }
  }
  Output(Output&& other) noexcept { *this = std::move(other); }
  Output& operator=(Output&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(owned_, other.owned_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  ~Output() {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  Kind kind() const { return kind_; }

  // One write that does not block, though the descriptor may be a blocking one
  // that others share: after poll() a pipe takes PIPE_BUF bytes at once.
  ssize_t write_some(const char* data, std::size_t size) const {
    switch (kind_) {
      case Kind::file:
        return ::write(fd_, data, size);
      case Kind::socket:
        return ::send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      case Kind::other:
        return ::write(fd_, data, std::min<std::size_t>(size, PIPE_BUF));
    }
    return -1;
  }

 private:
  int fd_ = -1;
  bool owned_ = false;
  Kind kind_ = Kind::other;
};

Output open_target(const std::string& target) {
  if (target == "stdout") return {STDOUT_FILENO, false};
  if (target == "stderr") return {STDERR_FILENO, false};
  // O_NONBLOCK: opening a FIFO that nobody reads fails instead of waiting.
  const int fd = ::open(target.c_str(),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  return {fd, true};
}

Failure cannot_open(const std::string& target) {
  return {FailureSource::dependency, true,
          "cannot open the access log " + target + ": " + std::generic_category().message(errno)};
}

void signal_event(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof one);  // full is as good as one
}

}  // namespace

struct WorkerLogState {
  WorkerLogState(std::size_t count, int wake)
      : buffers(count), full(count), empty(count), wake_fd(wake) {}
  std::vector<Buffer> buffers;
  std::size_t made = 0;  // worker only: buffers handed out at least once
  std::uint32_t current = 0;
  IndexRing full;   // worker -> writer
  IndexRing empty;  // writer -> worker
  std::atomic<std::uint64_t> dropped{0};
  int wake_fd;
};

struct LogWriterState {
  explicit LogWriterState(LogWriter::Options o) : options(std::move(o)) {
    wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const std::uint64_t each =
        options.queue / WorkerLog::buffer_bytes / std::max<std::size_t>(options.workers, 1);
    const auto count = static_cast<std::size_t>(std::clamp<std::uint64_t>(each, 2, 1u << 16));
    for (std::size_t i = 0; i < options.workers; ++i) {
      workers.push_back(std::make_unique<WorkerLogState>(count, wake_fd));
    }
  }
  ~LogWriterState() {
    ::close(wake_fd);
    ::close(stop_fd);
  }

  void run();
  bool round();
  void deliver(const Buffer& buffer);
  std::size_t write_all(const char* data, std::size_t size);
  bool wait_writable();
  void reopen();

  LogWriter::Options options;  // but for the target the thread's as well
  std::vector<std::unique_ptr<WorkerLogState>> workers;
  int wake_fd = -1;
  int stop_fd = -1;

  Output output;          // the thread's, once it runs
  bool mid_line = false;  // the last byte that was written did not end a line
  std::atomic<bool> want_reopen{false};
  std::atomic<std::uint64_t> written_records{0}, written_bytes{0}, failed_records{0},
      reopen_failures{0};
  std::atomic<int> last_error{0};

  std::mutex mutex;            // for `finished`, the target and `next`
  std::optional<Output> next;  // by redirect(): what reopen() is to take
  std::condition_variable finished_signal;
  bool finished = false;
  std::atomic<bool> stopping{false};
  Clock::time_point deadline{};  // written before `stopping`
  std::thread thread;
};

// --- The worker's end --------------------------------------------------------

bool WorkerLog::take_buffer() {
  if (const auto index = state_.empty.pop()) {
    state_.current = *index;
  } else if (state_.made < state_.buffers.size()) {
    state_.current = static_cast<std::uint32_t>(state_.made++);
    state_.buffers[state_.current].data.reset(new char[buffer_bytes]);
  } else {
    return false;
  }
  data_ = state_.buffers[state_.current].data.get();
  used_ = 0;
  records_ = 0;
  return true;
}

char* WorkerLog::reserve(std::size_t bound) {
  if (data_ && bound > buffer_bytes - used_) flush();
  if (bound > buffer_bytes || (!data_ && !take_buffer())) {
    state_.dropped.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  return data_ + used_;
}

void WorkerLog::commit(std::size_t bytes) {
  used_ += bytes;
  ++records_;
}

void WorkerLog::tick(Clock::time_point now) {
  if (used_ == 0) {
    last_flush_ = now;
  } else if (now - last_flush_ >= std::chrono::seconds(1)) {
    last_flush_ = now;
    flush();
  }
}

void WorkerLog::flush() {
  if (used_ == 0) return;
  Buffer& buffer = state_.buffers[state_.current];
  buffer.used = used_;
  buffer.records = records_;
  data_ = nullptr;
  used_ = 0;
  state_.full.push(std::uint32_t{state_.current});
  signal_event(state_.wake_fd);
}

// --- The writer's thread -----------------------------------------------------

void LogWriterState::run() {
  for (;;) {
    // Asked before the round: what was queued before the stop is still seen.
    const bool last = stopping.load(std::memory_order_acquire);
    if (want_reopen.exchange(false, std::memory_order_acq_rel)) reopen();
    if (round()) continue;
    if (last) break;
    pollfd wait{wake_fd, POLLIN, 0};
    ::poll(&wait, 1, -1);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_fd, &count, sizeof count);
  }
  const std::lock_guard lock(mutex);
  finished = true;
  finished_signal.notify_all();
}

// One buffer of each worker, so that a busy one does not starve the others.
bool LogWriterState::round() {
  bool any = false;
  for (const auto& worker : workers) {
    if (const auto index = worker->full.pop()) {
      deliver(worker->buffers[*index]);
      worker->empty.push(std::uint32_t{*index});
      any = true;
    }
  }
  return any;
}

void LogWriterState::deliver(const Buffer& buffer) {
  // A record that broke off must not swallow the next one.
  if (mid_line && write_all("\n", 1) == 1) mid_line = false;
  const std::size_t n = mid_line ? 0 : write_all(buffer.data.get(), buffer.used);
  std::uint64_t records = buffer.records;
  if (n < buffer.used) {
    const char* const data = buffer.data.get();
    records = static_cast<std::uint64_t>(std::count(data, data + n, '\n'));
    mid_line = mid_line || (n > 0 && data[n - 1] != '\n');
    failed_records.fetch_add(buffer.records - records, std::memory_order_relaxed);
  }
  written_bytes.fetch_add(n, std::memory_order_relaxed);
  written_records.fetch_add(records, std::memory_order_relaxed);
}

// Returns how much was written; less than `size` after an error or the deadline.
std::size_t LogWriterState::write_all(const char* data, std::size_t size) {
  std::size_t done = 0;
  bool ready = output.kind() != Output::Kind::other;
  while (done < size) {
    if (!ready && !wait_writable()) return done;
    const ssize_t n = output.write_some(data + done, size - done);
    ready = n >= 0 && output.kind() != Output::Kind::other;
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EINTR) {
      continue;
    } else if (errno != EAGAIN) {
      last_error.store(errno, std::memory_order_relaxed);
      return done;
    }
  }
  last_error.store(0, std::memory_order_relaxed);
  return done;
}

// Waits as long as it takes; once the writer is to stop, until the deadline.
bool LogWriterState::wait_writable() {
  for (;;) {
    int timeout = -1;
    const bool ending = stopping.load(std::memory_order_acquire);
    if (ending) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
    }
    pollfd wait[2] = {{output.fd(), POLLOUT, 0}, {stop_fd, POLLIN, 0}};
    const int n = ::poll(wait, ending ? 1 : 2, timeout);
    if (wait[0].revents != 0) return true;
    if (n == 0 && ending) return false;
  }
}

void LogWriterState::reopen() {
  std::unique_lock lock(mutex);
  const std::string target = options.target;
  std::optional<Output> given = std::exchange(next, std::nullopt);
  lock.unlock();
  if (!given && (target == "stdout" || target == "stderr")) return;
  Output fresh = given ? std::move(*given) : open_target(target);
  if (fresh.fd() < 0) {
    last_error.store(errno, std::memory_order_relaxed);
    reopen_failures.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  output = std::move(fresh);
  mid_line = false;
}

// --- LogWriter ---------------------------------------------------------------

std::uint64_t LogWriter::Stats::lost() const {
  return std::accumulate(dropped.begin(), dropped.end(), failed_records);
}

LogWriter::LogWriter(Options options)
    : state_(std::make_shared<LogWriterState>(std::move(options))) {
  for (const auto& worker : state_->workers)
    workers_.push_back(std::make_unique<WorkerLog>(*worker));
}

LogWriter::~LogWriter() { stop(std::chrono::milliseconds(0)); }

std::optional<Failure> LogWriter::start() {
  if (state_->wake_fd < 0 || state_->stop_fd < 0) {
    return Failure{FailureSource::self, true, "no file descriptor left for the log writer"};
  }
  state_->output = open_target(state_->options.target);
  if (state_->output.fd() < 0) {
    return cannot_open(state_->options.target);
  }
  // Signals belong to the control thread, and a reader that left (SIGPIPE) is
  // an error of one write. The new thread inherits this mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  state_->thread = std::thread([state = state_] { state->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = true;
  return std::nullopt;
}

WorkerLog& LogWriter::worker(std::size_t index) { return *workers_.at(index); }

void LogWriter::reopen() {
  state_->want_reopen.store(true, std::memory_order_release);
  signal_event(state_->wake_fd);
}

std::optional<Failure> LogWriter::redirect(const std::string& target) {
  Output output = open_target(target);
  if (output.fd() < 0) return cannot_open(target);
  {
    const std::lock_guard lock(state_->mutex);
    state_->options.target = target;
    state_->next = std::move(output);
  }
  reopen();
  return std::nullopt;
}

const std::string& LogWriter::target() const { return state_->options.target; }

LogWriter::Stats LogWriter::stats() const {
  Stats s;
  s.written_records = state_->written_records.load(std::memory_order_relaxed);
  s.written_bytes = state_->written_bytes.load(std::memory_order_relaxed);
  s.failed_records = state_->failed_records.load(std::memory_order_relaxed);
  s.reopen_failures = state_->reopen_failures.load(std::memory_order_relaxed);
  s.last_error = state_->last_error.load(std::memory_order_relaxed);
  for (const auto& w : state_->workers)
    s.dropped.push_back(w->dropped.load(std::memory_order_relaxed));
  return s;
}

bool LogWriter::stop(std::chrono::milliseconds deadline) {
  if (!running_) return true;
  running_ = false;
  const std::uint64_t failed_before = state_->failed_records.load(std::memory_order_relaxed);
  state_->deadline = Clock::now() + deadline;
  state_->stopping.store(true, std::memory_order_release);
  signal_event(state_->stop_fd);
  signal_event(state_->wake_fd);
  std::unique_lock lock(state_->mutex);
  // The margin is for a thread that notices the deadline itself.
  const bool ended = state_->finished_signal.wait_until(
      lock, state_->deadline + std::chrono::milliseconds(250), [&] { return state_->finished; });
  lock.unlock();
  if (!ended) {
    state_->thread.detach();
    return false;
  }
  state_->thread.join();
  return state_->failed_records.load(std::memory_order_relaxed) == failed_before;
}

}  // namespace marquee::base
