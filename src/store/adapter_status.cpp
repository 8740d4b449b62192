#include "store/adapter_status.hpp"

namespace marquee::store {

std::string AdapterStatus::words() const {
  const std::lock_guard hold(mutex_);
  return words_;
}

void AdapterStatus::say(base::LogLevel level, const std::string& words) {
  {
    const std::lock_guard hold(mutex_);
    if (words_ == words) return;
    words_ = words;
  }
  logger_.write(level, "directory", {{"state", words}});
}

void AdapterStatus::tell_faults(const routing::DomainRecord& record) {
  for (const std::string& fault : record.faults) {
    faulty_rows.fetch_add(1, std::memory_order_relaxed);
    logger_.write(base::LogLevel::warn, limit_, std::chrono::steady_clock::now(),
                  "directory row has a fault",
                  {{"host", record.host.text()},
                   {"kind", name(record.kind)},
                   {"row", record.row},
                   {"fault", fault}});
  }
}

void AdapterStatus::tell_unreadable(std::string_view name) {
  faulty_rows.fetch_add(1, std::memory_order_relaxed);
  logger_.write(base::LogLevel::warn, limit_, std::chrono::steady_clock::now(),
                "directory row has no usable name", {{"host", name.substr(0, 253)}});
}

}  // namespace marquee::store
