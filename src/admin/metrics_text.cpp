#include "admin/metrics_text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

namespace marquee::admin {
namespace {

std::vector<prometheus::ClientMetric::Label> labels(const Labels& from) {
  std::vector<prometheus::ClientMetric::Label> out;
  out.reserve(from.size());
  for (const auto& [name, value] : from) out.push_back({name, value});
  return out;
}

prometheus::ClientMetric simple(MetricType type, const Sample& sample) {
  prometheus::ClientMetric m;
  m.label = labels(sample.labels);
  (type == MetricType::counter ? m.counter.value : m.gauge.value) = sample.value;
  return m;
}

prometheus::ClientMetric histogram(const HistogramSample& sample) {
  prometheus::ClientMetric m;
  m.label = labels(sample.labels);
  m.histogram.sample_count = sample.count;
  m.histogram.sample_sum = sample.sum;
  for (const HistogramBucket& b : sample.buckets) {
    m.histogram.bucket.push_back({b.cumulative, b.upper});
  }
  m.histogram.bucket.push_back({sample.count, std::numeric_limits<double>::infinity()});
  return m;
}

prometheus::MetricFamily convert(const Family& family) {
  prometheus::MetricFamily out;
  out.name = family.name;
  out.help = family.help;
  switch (family.type) {
    case MetricType::counter:
      out.type = prometheus::MetricType::Counter;
      break;
    case MetricType::gauge:
      out.type = prometheus::MetricType::Gauge;
      break;
    case MetricType::histogram:
      out.type = prometheus::MetricType::Histogram;
      break;
  }
  for (const Sample& s : family.samples) out.metric.push_back(simple(family.type, s));
  for (const HistogramSample& h : family.histograms) out.metric.push_back(histogram(h));
  return out;
}

}  // namespace

std::string metrics_text(const std::vector<Family>& families) {
  std::vector<prometheus::MetricFamily> converted;
  converted.reserve(families.size());
  for (const Family& family : families) converted.push_back(convert(family));
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, converted);
  return out.str();
}

}  // namespace marquee::admin
