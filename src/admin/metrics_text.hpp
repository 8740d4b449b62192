// Metric families in Prometheus' text exposition format 0.0.4.
#pragma once
#include <string>
#include <vector>

#include "admin/ports.hpp"

namespace marquee::admin {

std::string metrics_text(const std::vector<Family>& families);

}  // namespace marquee::admin
