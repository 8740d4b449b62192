// The operational log: what Marquee itself has to say (the access log is
// elsewhere). One line per message:
//
//   2026-11-21T01:55:16.123Z info  listening address=0.0.0.0:8443 protocol=https
//
// Asynchronous: a caller never waits for the output; when the queue is full the
// oldest messages are lost and counted. Values are escaped, so that bytes of a
// stranger can neither break a line nor command a terminal.
// Thread-safe. spdlog stands behind it and is not visible here.
#pragma once
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.hpp"

namespace marquee::base {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };
std::optional<LogLevel> log_level(std::string_view name);  // "info"

// key=value beside a message. Views are read during the call only.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), text(v) {}
  LogField(std::string_view k, const char* v) : key(k), text(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), text(v) {}
  LogField(std::string_view k, bool v) : key(k), text(v ? "true" : "false") {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) LogField(std::string_view k, T v)
      : key(k), number(static_cast<std::int64_t>(v)), is_number(true) {}
  LogField(std::string_view k, std::chrono::milliseconds v) : LogField(k, v.count()) {}

  std::string_view key;
  std::string_view text;
  std::int64_t number = 0;
  bool is_number = false;
};

// For a message that a stranger can cause: at most `burst` per `window` from
// this site, the rest are counted. Lives beside the code that logs.
class LogLimit {
 public:
  explicit LogLimit(std::uint32_t burst = 5,
                    std::chrono::milliseconds window = std::chrono::seconds(10))
      : burst_(burst), window_ms_(window.count()) {}

  struct Verdict {
    bool allowed = false;
    std::uint64_t suppressed = 0;  // since the last allowed message
  };
  // `now` is any steady clock's time. Thread-safe; the bound is approximate
  // when threads meet at the edge of a window.
  Verdict ask(std::chrono::steady_clock::time_point now);

 private:
  const std::uint32_t burst_;
  const std::int64_t window_ms_;
  std::atomic<std::int64_t> window_start_{INT64_MIN};
  std::atomic<std::uint32_t> used_{0};
  std::atomic<std::uint64_t> suppressed_{0};
};

// The text of one message without time and level; pure.
std::string log_text(std::string_view message, std::initializer_list<LogField> fields);

class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  // A logger that says nothing; for tests.
  Logger();
  ~Logger();  // writes what is queued, but does not wait for output that is stuck
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  // `target`: stderr | stdout | path. Not while another thread uses the logger.
  // Called again, what is queued goes to the old target; a failure changes nothing.
  std::optional<Failure> open(const std::string& target, LogLevel level);
  void set_level(LogLevel level);
  bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }

  void write(LogLevel level, std::string_view message, Fields fields = {});
  // The same, unless `limit` says that it is too much; suppressed=N is added.
  void write(LogLevel level, LogLimit& limit, std::chrono::steady_clock::time_point now,
             std::string_view message, Fields fields = {});

  void debug(std::string_view message, Fields fields = {}) {
    write(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) {
    write(LogLevel::info, message, fields);
  }
  void warn(std::string_view message, Fields fields = {}) {
    write(LogLevel::warn, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) {
    write(LogLevel::error, message, fields);
  }

  void reopen();               // a file that was renamed is opened anew before the next line
  void flush();                // asks for the queued lines to be written; does not wait
  std::uint64_t lost() const;  // overrun in the queue, or not taken by the output

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::atomic<LogLevel> level_{LogLevel::off};
};

}  // namespace marquee::base
