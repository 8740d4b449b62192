// Which filters an upstream's answer gets: by its domain's plan and by its head.
#pragma once
#include "proxy/services.hpp"

namespace marquee::proxy {

class ResponseFilters final : public FilterSource {
 public:
  bool wants(const Exchange& exchange) const override;
  void add_filters(FilterChain& chain, const Exchange& exchange) override;
  void edit_head_alone(ResponseHeadEdit& head, const Exchange& exchange) override;
};

}  // namespace marquee::proxy
