#include "proxy/filter/response_filters.hpp"

#include <memory>
#include <utility>

#include "proxy/branding/branded_head.hpp"
#include "proxy/coding/negotiation.hpp"
#include "proxy/exchange.hpp"
#include "proxy/filter/brand_filter.hpp"
#include "proxy/filter/coding_filter.hpp"

namespace marquee::proxy {

bool ResponseFilters::wants(const Exchange& exchange) const {
  const DomainPlan* plan = exchange.plan();
  return plan && (plan->brand || !plan->codings.empty());
}

void ResponseFilters::add_filters(FilterChain& chain, const Exchange& exchange) {
  const DomainPlan& plan = *exchange.plan();
  const http::ResponseHead& response = exchange.response();
  const Coding coding = coding_of(response.fields);
  const bool brands = plan.brand && plan.brand->rewrites() && is_brandable(response);
  if (brands) {
    if (coding != Coding::identity) chain.add(std::make_unique<DecodeFilter>(coding));
    chain.add(std::make_unique<BrandFilter>(plan.brand));
  }
  if (plan.codings.empty() || (coding != Coding::identity && !brands) ||
      // The length of what was coded says nothing of what it is.
      !is_compressible(response, coding == Coding::identity ? plan.coding_least_size : 0))
    return;
  const Coding chosen = choose_coding(exchange.request().fields, plan.codings);
  auto vary = vary_by_coding(response.fields);
  if (chosen != Coding::identity)
    chain.add(std::make_unique<EncodeFilter>(chosen, plan.coding_level, std::move(vary)));
  else if (vary)
    chain.add(std::make_unique<VaryFilter>(std::move(*vary)));
}

// As above, in the same order.
void ResponseFilters::edit_head_alone(ResponseHeadEdit& head, const Exchange& exchange) {
  const DomainPlan& plan = *exchange.plan();
  const http::ResponseHead& response = exchange.response();
  const Coding coding = coding_of(response.fields);
  const bool brands = plan.brand && plan.brand->rewrites() && is_brandable(response);
  if (brands && coding != Coding::identity) head.remove("content-encoding");
  if (plan.codings.empty() || (coding != Coding::identity && !brands) ||
      !is_compressible_by_head(response, coding == Coding::identity ? plan.coding_least_size : 0))
    return;
  EncodeFilter::edit(head, choose_coding(exchange.request().fields, plan.codings),
                     vary_by_coding(response.fields));
}

}  // namespace marquee::proxy
