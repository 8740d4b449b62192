#include "base/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <mutex>
#include <string>
#include <system_error>

namespace marquee::base {
namespace {

constexpr std::size_t queue_messages = 8192;
constexpr std::size_t longest_value = 1024;  // bytes of one value that are written
constexpr int stuck_ms = 200;                // a first wait; a stuck output is not waited for again

constexpr std::string_view level_names[] = {"trace", "debug", "info", "warn", "error", "off"};

// The level stands in the text: spdlog would write "warning", of another width.
std::string with_level(LogLevel level, std::string_view text) {
  std::string out(level_names[static_cast<std::size_t>(level)]);
  out.resize(6, ' ');
  return out.append(text);
}

bool quoted(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return true;
  }
  return text.empty();
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  for (const char c : text.substr(0, longest_value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  if (text.size() > longest_value) out += "...";
}

void append_field(std::string& out, const LogField& field) {
  out += ' ';
  out += field.key;
  out += '=';
  if (field.is_number) {
    out += std::to_string(field.number);
  } else if (quoted(field.text)) {
    out += '"';
    append_escaped(out, field.text);
    out += '"';
  } else {
    append_escaped(out, field.text);
  }
}

// Lines to a descriptor that may be stuck. Only spdlog's thread writes here.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(std::string target) : target_(std::move(target)) {}
  ~DescriptorSink() override { close_file(); }

  bool open() {
    if (target_ == "stderr" || target_ == "stdout") {
      fd_ = target_ == "stderr" ? STDERR_FILENO : STDOUT_FILENO;
      return true;
    }
    const int fd = ::open(target_.c_str(),
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0) return false;
    close_file();
    fd_ = fd;
    owned_ = true;
    return true;
  }
  std::atomic<bool> want_reopen{false};
  std::atomic<std::uint64_t> lost{0};

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (want_reopen.exchange(false) && owned_) open();
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!write_line(line.data(), line.size())) lost.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

 private:
  void close_file() {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  bool write_line(const char* data, std::size_t size) {
    while (size > 0) {
      pollfd wait{fd_, POLLOUT, 0};
      if (::poll(&wait, 1, stuck_ ? 0 : stuck_ms) == 0) {
        stuck_ = true;
        return false;
      }
      // After poll() a pipe takes PIPE_BUF bytes without waiting.
      const ssize_t n = ::write(fd_, data, std::min<std::size_t>(size, PIPE_BUF));
      if (n < 0 && errno != EINTR && errno != EAGAIN) return false;
      if (n > 0) {
        data += n;
        size -= static_cast<std::size_t>(n);
      }
    }
    stuck_ = false;
    return true;
  }

  const std::string target_;
  int fd_ = -1;
  bool owned_ = false;
  bool stuck_ = false;
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

std::optional<LogLevel> log_level(std::string_view name) {
  for (std::size_t i = 0; i < std::size(level_names); ++i) {
    if (name == level_names[i]) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string log_text(std::string_view message, std::initializer_list<LogField> fields) {
  std::string out;
  append_escaped(out, message);
  for (const LogField& field : fields) append_field(out, field);
  return out;
}

LogLimit::Verdict LogLimit::ask(std::chrono::steady_clock::time_point now) {
  const std::int64_t ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::int64_t start = window_start_.load(std::memory_order_relaxed);
  const bool over = start == INT64_MIN || ms - start >= window_ms_;
  if (over && window_start_.compare_exchange_strong(start, ms, std::memory_order_relaxed)) {
    used_.store(0, std::memory_order_relaxed);
  }
  if (used_.fetch_add(1, std::memory_order_relaxed) < burst_) {
    return {true, suppressed_.exchange(0, std::memory_order_relaxed)};
  }
  used_.store(burst_, std::memory_order_relaxed);  // so that it cannot wrap
  suppressed_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

struct Logger::Impl {
  std::shared_ptr<DescriptorSink> sink;
  std::shared_ptr<spdlog::async_logger> logger;
  // Last, so that it goes first: its destructor writes what is queued and ends
  // the thread, which then can not be the one that destroys the logger.
  std::shared_ptr<spdlog::details::thread_pool> pool;
};

Logger::Logger() = default;
Logger::~Logger() = default;

std::optional<Failure> Logger::open(const std::string& target, LogLevel level) {
  auto impl = std::make_unique<Impl>();
  impl->sink = std::make_shared<DescriptorSink>(target);
  if (!impl->sink->open()) {
    return Failure{FailureSource::dependency, true,
                   "cannot open the log " + target + ": " + std::generic_category().message(errno)};
  }
  sigset_t all, before;  // signals belong to the control thread
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl->pool = std::make_shared<spdlog::details::thread_pool>(queue_messages, 1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  impl->logger = std::make_shared<spdlog::async_logger>(
      "marquee", impl->sink, impl->pool, spdlog::async_overflow_policy::overrun_oldest);
  impl->logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
  impl->logger->set_level(spdlog::level::trace);  // enabled() has decided
  impl_ = std::move(impl);
  set_level(level);
  return std::nullopt;
}

void Logger::set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

void Logger::write(LogLevel level, std::string_view message, Fields fields) {
  if (!impl_ || level == LogLevel::off || !enabled(level)) return;
  impl_->logger->log(spdlog_level(level), with_level(level, log_text(message, fields)));
}

void Logger::write(LogLevel level, LogLimit& limit, std::chrono::steady_clock::time_point now,
                   std::string_view message, Fields fields) {
  if (!impl_ || level == LogLevel::off || !enabled(level)) return;
  const auto verdict = limit.ask(now);
  if (!verdict.allowed) return;
  std::string text = log_text(message, fields);
  if (verdict.suppressed > 0) text += " suppressed=" + std::to_string(verdict.suppressed);
  impl_->logger->log(spdlog_level(level), with_level(level, text));
}

void Logger::reopen() {
  if (impl_) impl_->sink->want_reopen.store(true);
}

void Logger::flush() {
  if (impl_) impl_->logger->flush();
}

std::uint64_t Logger::lost() const {
  if (!impl_) return 0;
  return impl_->sink->lost.load(std::memory_order_relaxed) + impl_->pool->overrun_counter();
}

}  // namespace marquee::base
