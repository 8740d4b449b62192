// The end of every request on one worker: its access line, its metrics, and of calls
// of modules' APIs the record for the database.
#pragma once
#include <cstdint>

#include "base/metrics.hpp"
#include "proxy/access_log.hpp"
#include "proxy/call_records.hpp"
#include "proxy/proxy_metrics.hpp"
#include "proxy/services.hpp"

namespace marquee::proxy {

class RequestRecords final : public AccessSink {
 public:
  // `log` null: no access log.
  RequestRecords(const ProxyMetrics& metrics, base::Cells& cells, AccessLog* log)
      : metrics_(metrics), cells_(cells), log_(log) {}
  void set_log(AccessLog* log) { log_ = log; }
  // Null, as at first: calls are not recorded.
  void set_calls(CallRecords* calls) { calls_ = calls; }

  void begun() override { metrics_.in_flight.add(cells_, 1); }
  void record(Exchange& exchange) override;
  void lost(ClientLoss how) override { metrics_.client_losses.increment(cells_, how); }
  void flood(http::H2Flood kind) override;

 private:
  void count(const Exchange& exchange, std::int64_t total_us);

  const ProxyMetrics& metrics_;
  base::Cells& cells_;
  AccessLog* log_;
  CallRecords* calls_ = nullptr;
};

}  // namespace marquee::proxy
