// A worker's access log: records in, lines to the log writer. One per worker,
// used by its thread only.
#pragma once
#include "base/log_writer.hpp"
#include "proxy/access_format.hpp"

namespace marquee::proxy {

class AccessLog {
 public:
  AccessLog(AccessFormatter::Format format, base::WorkerLog& log) : formatter_(format), log_(log) {}

  // Formats straight into the worker's buffer. When the writer is behind, the
  // record is dropped and counted there.
  void append(const AccessRecord& record) {
    static_assert(AccessFormatter::max_line <= base::WorkerLog::buffer_bytes);
    if (char* const at = log_.reserve(AccessFormatter::bound(record))) {
      log_.commit(formatter_.format(record, at));
    }
  }

  bool pending() const { return log_.pending(); }
  void tick(std::chrono::steady_clock::time_point now) { log_.tick(now); }
  void flush() { log_.flush(); }

 private:
  AccessFormatter formatter_;
  base::WorkerLog& log_;
};

}  // namespace marquee::proxy
