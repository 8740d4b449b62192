// The platform's tenant middleware for app hosts, done at the edge
// (identity/tenancy.hpp decides): caller -> membership -> agency, role, site.
#pragma once
#include "proxy/tenant_facts_gate.hpp"

namespace marquee::proxy {

class TenantGate final : public TenantFactsGate {
 public:
  using TenantFactsGate::TenantFactsGate;

 protected:
  Verdict judge(Exchange& exchange, Facts& facts, GateAnswer& answer) override;
};

}  // namespace marquee::proxy
