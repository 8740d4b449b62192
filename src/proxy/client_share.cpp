#include "proxy/client_share.hpp"

#include "proxy/exchange.hpp"
#include "tls/refusal_budget.hpp"

namespace marquee::proxy {

std::uint64_t network_of(const Exchange& exchange) {
  if (const auto parsed = base::IpAddress::parse(exchange.client_text()))
    return tls::client_prefix(parsed->bytes());
  return exchange.facts().client_known ? tls::client_prefix(exchange.facts().client.bytes()) : 0;
}

}  // namespace marquee::proxy
