// The JSON of GET /v1/status and POST /v1/reload. Times are RFC 3339, durations
// milliseconds.
#pragma once
#include <string>
#include <string_view>

#include "admin/ports.hpp"

namespace marquee::admin {

std::string status_json(const Status& status);
std::string reload_json(const ReloadResult& result);
// RFC 9457.
std::string problem_json(unsigned status, std::string_view title, std::string_view detail);

}  // namespace marquee::admin
