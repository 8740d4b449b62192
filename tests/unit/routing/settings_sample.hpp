// Settings as the reader would give them, with a line per row for marks.
#pragma once
#include <cstdint>
#include <string>

#include "config/settings.hpp"

namespace marquee::routing {

inline config::Domain sample_domain(std::string host, std::string agency, std::uint32_t line = 10) {
  config::Domain row;
  row.mark = {0, line, 3};
  row.host = {std::move(host), {0, line, 9}};
  row.installation = "inst-1";
  row.module = "mod-1";
  row.site = "site-1";
  row.client = "client-1";
  row.agency = std::move(agency);
  row.upstream = {"app", {0, line + 1, 15}};
  return row;
}

inline config::Settings sample_settings() {
  config::Settings settings;
  settings.files = {"marquee.yaml"};
  for (const char* name : {"modules", "app"}) {
    config::Upstream upstream;
    upstream.name = name;
    settings.upstreams.push_back(upstream);
  }
  return settings;
}

}  // namespace marquee::routing
