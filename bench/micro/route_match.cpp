// Finding a request's domain among 10,000, each with its www pair and every
// tenth with a wildcard beside it. Names are asked in a scattered order, so
// that the table is as cold as it is under many customers.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "routing/host_table.hpp"

namespace {

using namespace marquee;

constexpr unsigned count = 10'000;

std::string shop(unsigned i) { return "shop-" + std::to_string(i) + ".customer.example"; }

config::Domain row(std::string host, unsigned i) {
  config::Domain domain;
  domain.host = {std::move(host), {}};
  domain.agency = "agency-" + std::to_string(i % 50);
  domain.installation = "installation-" + std::to_string(i);
  domain.upstream = {"app", {}};
  return domain;
}

const routing::HostTable& table() {
  static const routing::HostTable built = [] {
    config::Settings settings;
    config::Upstream upstream;
    upstream.name = "app";
    settings.upstreams.push_back(upstream);
    for (unsigned i = 0; i < count; ++i) {
      settings.domains.push_back(row(shop(i), i));
      if (i % 10 == 0) settings.domains.push_back(row("*." + shop(i), i));
    }
    return routing::HostTable(settings);
  }();
  return built;
}

void lookup(benchmark::State& state, const char* prefix, unsigned step, routing::MatchKind wanted,
            const char* suffix = "") {
  std::vector<std::string> names;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned scattered = i * 7919u % count;  // a prime: each once
    names.push_back(prefix + shop(scattered / step * step) + suffix);
  }
  const routing::HostTable& hosts = table();
  std::size_t next = 0;
  for (auto _ : state) {
    const routing::Match match = hosts.lookup(names[next]);
    if (match.kind != wanted) return state.SkipWithError("another match than wanted");
    next = next + 1 == names.size() ? 0 : next + 1;
  }
}
BENCHMARK_CAPTURE(lookup, hit, "", 1, routing::MatchKind::exact);
BENCHMARK_CAPTURE(lookup, pair, "www.", 1, routing::MatchKind::pair);
BENCHMARK_CAPTURE(lookup, wildcard, "eu.", 10, routing::MatchKind::wildcard);
BENCHMARK_CAPTURE(lookup, miss, "", 1, routing::MatchKind::none, ".test");

}  // namespace
