#include "proxy/filter/response_filters.hpp"

#include <memory>

#include "proxy/branding/branded_head.hpp"
#include "proxy/exchange.hpp"
#include "proxy/filter/brand_filter.hpp"

namespace marquee::proxy {

bool ResponseFilters::wants(const Exchange& exchange) const {
  const DomainPlan* plan = exchange.plan();
  return plan && plan->brand;
}

void ResponseFilters::add_filters(FilterChain& chain, const Exchange& exchange) {
  const auto& brand = exchange.plan()->brand;
  if (brand->rewrites() && is_brandable(exchange.response()))
    chain.add(std::make_unique<BrandFilter>(brand));
}

}  // namespace marquee::proxy
