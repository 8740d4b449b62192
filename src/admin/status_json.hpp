// The JSON of GET /v1/status and POST /v1/reload. Times are RFC 3339, durations
// milliseconds.
#pragma once
#include <string>

#include "admin/ports.hpp"

namespace marquee::admin {

std::string status_json(const Status& status);
// "2026-01-31T12:00:00Z"
std::string rfc3339(WallTime time);
std::string reload_json(const ReloadResult& result);

}  // namespace marquee::admin
