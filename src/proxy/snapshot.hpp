// The settings in force, as requests see them: immutable, shared by all workers.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "proxy/outcome.hpp"
#include "proxy/outgoing.hpp"
#include "routing/domain.hpp"
#include "routing/host_table.hpp"

namespace marquee::proxy {

class UpstreamPool;

// A domain, ready for requests: what can be computed before the first one is.
struct DomainPlan : std::enable_shared_from_this<DomainPlan> {
  std::shared_ptr<const routing::Domain> domain;  // null for app hosts and client sites
  RouteClass route = RouteClass::custom;
  std::string name;           // for the log: the row's host
  std::uint32_t pool = 0;     // index into Settings::upstreams
  FieldBlock context;         // the plain tenant fields
  FieldBlock response_fields;
  std::vector<std::string> remove_response;  // lower case
};

class Snapshot {
 public:
  config::Settings settings;
};

}  // namespace marquee::proxy
