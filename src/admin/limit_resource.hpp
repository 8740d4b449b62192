// Rate limits: what is in force, and single counters.
//
//   GET    /v1/limits                        rules, mode, Redis, who is refused most
//   GET    /v1/limits/{rule}?agency=ID&...   one counter of a rule, by its key's parts
//   DELETE /v1/limits/{rule}?agency=ID&...   forgets it
#pragma once
#include <vector>

#include "admin/limit_port.hpp"
#include "admin/resource.hpp"

namespace marquee::admin {

// `port` outlives the routes.
std::vector<Route> limit_routes(LimitPort& port);

}  // namespace marquee::admin
