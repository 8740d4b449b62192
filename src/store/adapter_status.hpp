// What an adapter has to tell operators beside its answers: for metrics, status
// and the log. Written by the adapter's threads, read by any.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/log.hpp"
#include "routing/directory.hpp"

namespace marquee::store {

class AdapterStatus {
 public:
  explicit AdapterStatus(base::Logger& logger) : logger_(logger) {}

  std::atomic<std::uint64_t> faulty_rows{0};  // parts of rows that could not be used
  std::atomic<std::uint64_t> failures{0};     // questions that were not answered
  std::atomic<std::uint64_t> connects{0};     // connections made, or files opened

  // One sentence: "changes are announced", "a pooler swallows LISTEN; ...".
  std::string words() const;
  // Logs it when it is new.
  void say(base::LogLevel level, const std::string& words);

  // Counts and logs what is wrong with a row, within bounds.
  void tell_faults(const routing::DomainRecord& record);
  void tell_unreadable(std::string_view name);

  base::Logger& logger() { return logger_; }

 private:
  base::Logger& logger_;
  base::LogLimit limit_{10};
  mutable std::mutex mutex_;
  std::string words_;
};

}  // namespace marquee::store
