#include "proxy/gate_set.hpp"

#include "config/settings.hpp"
#include "identity/access_policy.hpp"
#include "limits/rule.hpp"
#include "routing/domain.hpp"

namespace marquee::proxy {

GateSet gates_of(const routing::Domain& domain, const config::Settings& settings) {
  GateSet out;
  const config::Tenants& tenants = settings.tenants;
  if (tenants.cors || tenants.frame_ancestors) out.add(GateKind::origin);
  if (!visitors_of(settings.hosts, domain).passwords.empty()) out.add(GateKind::password);
  if (!settings.access.rules.empty()) out.add(GateKind::access);
  if (tenants.membership && domain.host_class == routing::HostClass::app) out.add(GateKind::tenant);
  if (tenants.module_apis) out.add(GateKind::module);
  if (!settings.rate_limits.rules.empty() || limits::row_rules(settings).any())
    out.add(GateKind::limits);
  return out;
}

bool gates_judge_paths(routing::HostClass host, const config::Settings& settings) {
  const config::Tenants& tenants = settings.tenants;
  if (tenants.cors || tenants.frame_ancestors || tenants.module_apis) return true;
  if (tenants.membership && host == routing::HostClass::app) return true;
  return identity::AccessPolicy(settings.access).applies_to(host);
}

const config::Visitors& visitors_of(const config::HostClasses& hosts,
                                    const routing::Domain& domain) {
  if (domain.visitors) return *domain.visitors;
  switch (domain.host_class) {
    case routing::HostClass::app:
      return hosts.app_visitors;
    case routing::HostClass::site:
      return hosts.sites_visitors;
    case routing::HostClass::custom:
      break;
  }
  return hosts.custom_visitors;
}

}  // namespace marquee::proxy
