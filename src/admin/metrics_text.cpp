#include "admin/metrics_text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

namespace marquee::admin {
namespace {

prometheus::MetricType type(base::MetricKind kind) {
  switch (kind) {
    case base::MetricKind::counter:
      return prometheus::MetricType::Counter;
    case base::MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case base::MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric convert(const base::MetricSnapshot& family,
                                 const base::MetricSample& sample) {
  prometheus::ClientMetric m;
  for (std::size_t i = 0; i < family.label_names.size() && i < sample.labels.size(); ++i) {
    m.label.push_back({family.label_names[i], sample.labels[i]});
  }
  m.counter.value = m.gauge.value = sample.value;
  if (family.kind != base::MetricKind::histogram || sample.cumulative.empty()) return m;
  m.histogram.sample_count = sample.cumulative.back();
  m.histogram.sample_sum = sample.sum;
  for (std::size_t i = 0; i < sample.cumulative.size(); ++i) {
    const double upper =
        i < family.bounds.size() ? family.bounds[i] : std::numeric_limits<double>::infinity();
    m.histogram.bucket.push_back({sample.cumulative[i], upper});
  }
  return m;
}

}  // namespace

std::string metrics_text(const std::vector<base::MetricSnapshot>& families) {
  std::vector<prometheus::MetricFamily> converted;
  converted.reserve(families.size());
  for (const base::MetricSnapshot& family : families) {
    prometheus::MetricFamily& out = converted.emplace_back();
    out.name = family.name;
    out.help = family.help;
    out.type = type(family.kind);
    for (const base::MetricSample& sample : family.samples)
      out.metric.push_back(convert(family, sample));
  }
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, converted);
  return out.str();
}

}  // namespace marquee::admin
