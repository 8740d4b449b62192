// The module API gateway: /api/modules/<module>/api/<path> goes to the module's own
// pool, if it is installed on the site, by its routes (proxy/policy/api_route.hpp
// decides). Handler addresses in the rows are not dialled: where a module lives is the
// operator's word (settings), not a tenant's.
#pragma once
#include <optional>

#include "identity/tenancy.hpp"
#include "proxy/tenant_facts_gate.hpp"

namespace marquee::proxy {

class ModuleGate final : public TenantFactsGate {
 public:
  using TenantFactsGate::TenantFactsGate;

 protected:
  Verdict judge(Exchange& exchange, Facts& facts, GateAnswer& answer) override;

 private:
  static Verdict denied(GateAnswer& answer);
  static std::optional<Verdict> refuse_installation(identity::InstallationVerdict verdict,
                                                    GateAnswer& answer);
};

}  // namespace marquee::proxy
