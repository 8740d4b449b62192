#include "base/metrics.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

#include "base/allocation_count.hpp"

using namespace marquee::base;

namespace {

enum class Result : std::uint8_t { ok, failed };
enum class Version : std::uint8_t { tls12, tls13, none };
std::string_view name(Result r) { return r == Result::ok ? "ok" : "failed"; }
std::string_view name(Version v) {
  return v == Version::tls12 ? "1.2" : v == Version::tls13 ? "1.3" : "none";
}

using Labels = std::vector<std::string>;

const MetricSnapshot& find(const std::vector<MetricSnapshot>& all, std::string_view name) {
  for (const auto& s : all) {
    if (s.name == name) return s;
  }
  throw std::runtime_error("no such family");
}

double value(const MetricSnapshot& family, const Labels& labels) {
  for (const auto& s : family.samples) {
    if (s.labels == labels) return s.value;
  }
  return -1;
}

}  // namespace

TEST_CASE("metrics: counters by label, summed over writers") {
  Registry registry;
  const auto plain = registry.counter({"marquee_reloads_total", "Reloads."});
  const auto handshakes = registry.counter<Result, Version>(
      {"marquee_handshakes_total", "Handshakes."}, axis("result", Result::failed),
      axis("version", Version::none));
  registry.start(3);
  const AllocationCount count;
  plain.increment(registry.cells(2));
  handshakes.increment(registry.cells(0), Result::ok, Version::tls13);
  handshakes.add(registry.cells(1), 5, Result::ok, Version::tls13);
  handshakes.increment(registry.cells(1), Result::failed, Version::none);
  CHECK(count.made() == 0);

  const auto all = registry.scrape();
  CHECK(value(find(all, "marquee_reloads_total"), {}) == 1);
  const auto& family = find(all, "marquee_handshakes_total");
  CHECK(family.kind == MetricKind::counter);
  CHECK(family.label_names == Labels{"result", "version"});
  CHECK(family.samples.size() == 6);
  CHECK(value(family, {"ok", "1.3"}) == 6);
  CHECK(value(family, {"failed", "none"}) == 1);
  CHECK(value(family, {"failed", "1.2"}) == 0);
  CHECK(value(family, {"ok", "1.2"}) == 0);
}

TEST_CASE("metrics: gauges go down and may be negative in one writer") {
  Registry registry;
  const auto open =
      registry.gauge<Version>({"marquee_connections", "Open."}, axis("version", Version::none));
  registry.start(2);
  open.add(registry.cells(0), 5, Version::tls13);
  open.add(registry.cells(1), -7, Version::tls13);
  open.set(registry.cells(0), 9, Version::tls12);
  const auto all = registry.scrape();
  CHECK(value(all[0], {"1.3"}) == -2);
  CHECK(value(all[0], {"1.2"}) == 9);
}

TEST_CASE("metrics: histograms are cumulative and scaled") {
  Registry registry;
  const auto times =
      registry.histogram<Result>({"marquee_request_duration_seconds", "Durations.", 1e-6},
                                 {1000, 10'000, 1'000'000}, axis("result", Result::failed));
  registry.counter({"marquee_after_total", "Next family."});
  registry.start(2);
  for (const std::uint64_t us : {1000u, 1001u, 999'999u}) {
    times.observe(registry.cells(0), us, Result::failed);
  }
  times.observe(registry.cells(1), 5'000'000, Result::failed);
  const auto all = registry.scrape();
  CHECK(all[0].bounds == std::vector<double>{1000 * 1e-6, 10'000 * 1e-6, 1'000'000 * 1e-6});
  const auto& sample = all[0].samples[1];
  CHECK(sample.labels == Labels{"failed"});
  CHECK(sample.cumulative == std::vector<std::uint64_t>{1, 2, 3, 4});
  CHECK(sample.sum == doctest::Approx(6.002));
  CHECK(all[0].samples[0].cumulative.back() == 0);
  CHECK(value(all[1], {}) == 0);  // neighbours do not overlap
}

TEST_CASE("metrics: growing families keep a living series and drop a dead one") {
  Registry registry;
  const auto family = registry.growing({"marquee_upstream_failures_total", "Failures."},
                                       MetricKind::counter, {"pool", "endpoint"});
  registry.start(2);
  auto first = registry.series(family, {"app", "http://a:1"});
  first->cell(0).add(2);
  first->cell(1).add(3);
  CHECK(registry.series(family, {"app", "http://a:1"}) == first);
  auto second = registry.series(family, {"app", "http://b:1"});
  second->cell(1).add(1);
  CHECK(registry.scrape()[0].samples.size() == 2);
  CHECK(value(registry.scrape()[0], {"app", "http://a:1"}) == 5);
  first.reset();
  CHECK(registry.scrape()[0].samples.size() == 1);
  CHECK(registry.series(family, {"app", "http://a:1"})->sum() == 0);
  CHECK_THROWS_AS(registry.series(family, {"app"}), std::logic_error);
}

TEST_CASE("metrics: collected families, and zeros left out where asked") {
  Registry registry;
  registry.collected({"marquee_build_info", "Build."}, MetricKind::gauge, {"version"},
                     [](std::vector<MetricSample>& out) {
                       out.push_back({{"0.1"}, 1, {}, 0});
                     });
  const auto sparse = registry.counter<Version>({"marquee_sparse_total", "Sparse.", 1, true},
                                                axis("version", Version::none));
  registry.start(1);
  sparse.increment(registry.cells(0), Version::tls12);
  const auto all = registry.scrape();
  CHECK(value(all[0], {"0.1"}) == 1);
  CHECK(all[1].samples.size() == 1);
  CHECK(value(all[1], {"1.2"}) == 1);
}

TEST_CASE("metrics: wrong declarations are refused") {
  Registry registry;
  registry.counter({"marquee_a_total", ""});
  CHECK_THROWS_AS(registry.counter({"marquee_a_total", ""}), std::logic_error);
  CHECK_THROWS_AS(registry.counter({"marquee_b", ""}), std::logic_error);
  CHECK_THROWS_AS(registry.gauge({"marquee_b_total", ""}), std::logic_error);
  CHECK_THROWS_AS(registry.counter({"b_total", ""}), std::logic_error);
  CHECK_THROWS_AS(registry.histogram({"marquee_h", ""}, {2, 2}), std::logic_error);
  registry.start(1);
  CHECK_THROWS_AS(registry.counter({"marquee_late_total", ""}), std::logic_error);
  CHECK_THROWS_AS(registry.start(1), std::logic_error);
}

TEST_CASE("metrics: scraped while written, never going back") {
  Registry registry;
  const auto counter = registry.counter({"marquee_a_total", ""});
  registry.start(1);
  std::thread writer([&] {
    for (int i = 0; i < 200'000; ++i) counter.increment(registry.cells(0));
  });
  double last = 0;
  for (int i = 0; i < 200; ++i) {
    const double now = registry.scrape()[0].samples[0].value;
    CHECK(now >= last);
    last = now;
  }
  writer.join();
  CHECK(registry.scrape()[0].samples[0].value == 200'000);
}
