// The public keys of the tenant context, at a path of every host (RFC 7517).
#pragma once
#include "proxy/edge_paths.hpp"
#include "proxy/tenant_context.hpp"

namespace marquee::proxy {

class KeySetAnswer final : public EdgeSource {
 public:
  explicit KeySetAnswer(const TenantContext& context) : context_(context) {}

  bool answer(const EdgeRequest& request, LocalContent& content) override;

 private:
  const TenantContext& context_;
};

}  // namespace marquee::proxy
