#include "proxy/policy/visitors.hpp"

namespace marquee::proxy::policy {
namespace {

base::CidrList networks(const std::vector<config::Marked<std::string>>& list) {
  std::vector<base::Cidr> out;
  for (const auto& text : list)
    if (auto cidr = base::Cidr::parse(*text)) out.push_back(*cidr);
  return base::CidrList(std::move(out));
}

}  // namespace

Visitors::Visitors(const config::Visitors& settings)
    : allow_(networks(settings.allow)), deny_(networks(settings.deny)) {}

bool Visitors::admits(const std::optional<base::IpAddress>& client) const {
  if (!client) return allow_.empty();
  return !deny_.contains(*client) && (allow_.empty() || allow_.contains(*client));
}

}  // namespace marquee::proxy::policy
