// What one access log line costs.
#include <benchmark/benchmark.h>

#include <array>

#include "proxy/access_format.hpp"

namespace {

using marquee::proxy::AccessFormatter;
using marquee::proxy::AccessRecord;

AccessRecord typical() {
  AccessRecord r;
  r.time_us = 1795226116'123'456;
  r.request_id = "0199a3c0-7b1e-7c54-9a53-0d1f2a3b4c5d";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.client_address = "203.0.113.7";
  r.client_port = 51234;
  r.host = "bakery.localhost";
  r.sni = "bakery.localhost";
  r.alpn = "http/1.1";
  r.tls_version = "TLSv1.3";
  r.method = "GET";
  r.target = "/menu?day=friday&table=12";
  r.protocol = "HTTP/1.1";
  r.status = 200;
  r.bytes_out = 1024;
  r.times.first_byte = 830;
  r.times.total = 910;
  r.times.upstream = 700;
  r.upstream = "http://127.0.0.1:9100";
  r.domain_id = "1f0c9c9e-59d4-4a3a-8a36-5b6f3f3b8f10";
  r.installation_id = "7d8b5e5c-2f43-4a0b-9d0e-1c2d3e4f5a6b";
  r.site_id = "0d9a1f72-6b5c-4e3d-8f2a-9b8c7d6e5f40";
  r.client_id = "c5b4a392-8170-4f6e-9d8c-7b6a59483726";
  r.agency_id = "a1b2c3d4-e5f6-4789-8abc-def012345678";
  r.user_agent =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 "
      "Safari/537.36";
  r.referer = "https://bakery.localhost/";
  return r;
}

void log_line(benchmark::State& state, AccessFormatter::Format format) {
  AccessFormatter formatter(format);
  AccessRecord record = typical();
  std::array<char, AccessFormatter::max_line> buffer;
  std::size_t bytes = 0;
  for (auto _ : state) {
    record.time_us += 20;  // 50,000 requests per second: the second's text is made anew as often
    benchmark::DoNotOptimize(record);
    benchmark::DoNotOptimize(AccessFormatter::bound(record));
    bytes = formatter.format(record, buffer.data());
    benchmark::ClobberMemory();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

BENCHMARK_CAPTURE(log_line, json, AccessFormatter::Format::json);
BENCHMARK_CAPTURE(log_line, combined, AccessFormatter::Format::combined);

}  // namespace
