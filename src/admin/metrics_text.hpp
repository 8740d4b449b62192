// Metric families in Prometheus' text exposition format 0.0.4.
#pragma once
#include <string>
#include <vector>

#include "base/metrics.hpp"

namespace marquee::admin {

std::string metrics_text(const std::vector<base::MetricSnapshot>& families);

}  // namespace marquee::admin
