// The port to where calls of module APIs are recorded: the tables module_api_logs and
// module_api_requests of the directory's database, and the use counters of
// module_api_keys and module_api_consumers. src/store implements it;
// app/call_service is its only user.
//
// Contract
//  - Threads: write() is called on one thread (the control thread), one batch at a
//    time, and does not block it. `done` is called exactly once, on any thread, perhaps
//    inside the call; not after the book is destroyed.
//  - A batch is written whole, in one transaction, or not at all: rows and counters.
//    Of a batch whose answer was lost nobody knows; it is `unavailable`, comes again,
//    and is then in the book twice.
//  - Rows: calls of consumers go to module_api_requests, all others to
//    module_api_logs. A row that the database does not take (its site is gone) is left
//    out alone, and told in `left_out`. A table or column that the database lacks is
//    left out, too; that is no fault.
//  - Counters only grow; ids that are not there are passed over. They are written
//    without a word in the change feed: they change nothing of what a key opens.
//  - Errors: `unavailable`: try again later, with the same or another batch. `refused`:
//    this batch will never be taken. The sentence names the database and what to do; it
//    holds nothing of the calls.
//  - Bounds: at most kMostCalls calls and kMostUses uses come in a batch; a write ends
//    within ten seconds.
//  - Retention: where the tables are Marquee's own, rows older than 30 days go, some
//    hundred with each batch. The platform's tables are the platform's to clean.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "identity/api_call.hpp"
#include "identity/use_counts.hpp"

namespace marquee::identity {

struct CallBatch {
  std::vector<ApiCall> calls;  // in the order in which they ended, roughly
  std::vector<Use> uses;       // each id once
  bool empty() const { return calls.empty() && uses.empty(); }
};

class CallBook {
 public:
  virtual ~CallBook() = default;

  static constexpr std::size_t kMostCalls = 256;
  static constexpr std::size_t kMostUses = 1024;

  struct Written {
    enum class Status : std::uint8_t { written, refused, unavailable };
    Status status = Status::unavailable;
    std::uint32_t left_out = 0;  // rows, with `written`
    std::string sentence;        // otherwise: why
  };
  virtual void write(const CallBatch& batch, std::function<void(Written)> done) = 0;

  virtual std::string description() const = 0;  // for logs
};

}  // namespace marquee::identity
