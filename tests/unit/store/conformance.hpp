// What every database adapter must do alike. `run` carries out SQL that both
// dialects understand, over a connection of its own.
#pragma once
#include <functional>
#include <string>

#include "routing/directory.hpp"

namespace marquee::store {

using RunSql = std::function<void(const std::string& sql)>;

// Two agencies, their sites, domains, redirects; see conformance.cpp.
std::string sample_rows();
// The whole contract over an empty directory with the key sample_key(), the sites
// base sites.example.com, and a feed.
void check_conformance(routing::DomainDirectory& directory, const RunSql& run);

}  // namespace marquee::store
