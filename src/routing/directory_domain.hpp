// A Domain made of a row of the directory, under the settings in force.
#pragma once
#include <memory>
#include <string>

#include "config/settings.hpp"
#include "routing/domain.hpp"
#include "routing/resolution.hpp"

namespace marquee::routing {

// Where the classes of rows lead, and which states are refused.
struct DirectoryRules {
  struct Way {
    std::string upstream;  // a pool; empty: rows of this class are not served
    std::string path;      // template
  };
  StatePolicy states;
  Way modules;
  Way sites;
  Way subdomains;          // below the sites base
  std::string sites_base;  // normalised, or empty
};

DirectoryRules directory_rules(const config::Settings& settings);

// `resolution` is a domain or a redirect. Nothing if its class leads nowhere. Site
// domains get {host} as the name of the row, whichever of the pair was called.
std::shared_ptr<const Domain> make_domain(const config::Settings& settings,
                                          const DirectoryRules& rules,
                                          const Resolution& resolution);

}  // namespace marquee::routing
