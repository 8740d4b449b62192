// What routing finds wrong with settings that the reader could decode.
#pragma once
#include <vector>

#include "config/settings.hpp"

namespace marquee::routing {

// Every fault, in the order of the settings; empty: HostTable takes every row.
std::vector<config::Problem> check(const config::Settings& settings);

}  // namespace marquee::routing
