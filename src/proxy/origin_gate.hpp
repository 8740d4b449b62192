// Cross-origin calls and frames of a site's module (proxy/policy/cors.hpp decides):
// preflights are answered here, before anything asks who the caller is; actual
// answers are decorated, and the upstream's own fields of that kind replaced.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "proxy/tenant_facts_gate.hpp"

namespace marquee::proxy {

class OriginGate final : public TenantFactsGate {
 public:
  using TenantFactsGate::TenantFactsGate;

 protected:
  Verdict judge(Exchange& exchange, Facts& facts, GateAnswer& answer) override;

 private:
  using Rows = std::span<const identity::AllowedOrigin>;
  std::optional<Rows> rows_of(const Exchange& exchange, Facts& facts, std::string_view site,
                              std::string_view module) const;
  Verdict frame_of_embed(Exchange& exchange, Facts& facts) const;
};

}  // namespace marquee::proxy
