#include "proxy/site_claim.hpp"

#include "base/uuid.hpp"
#include "proxy/exchange.hpp"
#include "proxy/policy/path_rules.hpp"

namespace marquee::proxy {

identity::SiteClaim site_claim(const http::RequestHead& request) {
  std::vector<std::string_view> fields, cookies;
  for (const http::Field& f : request.fields) {
    // An underscore twin is the same to CGI-like upstreams, and counts as a claim.
    if (f.id == http::FieldId::x_site_id) fields.push_back(f.value);
    if (http::iequals(f.name, "cookie")) cookies.push_back(f.value);
  }
  const auto query = policy::query_values(request.path, "site_id", identity::kMostSiteClaims + 1);
  return identity::claimed_site(fields, query, identity::cookie_values(cookies, "current_site_id"));
}

ModuleClaim module_claim(const Exchange& exchange) {
  const routing::Domain& domain = *exchange.plan()->domain;
  const bool app = exchange.plan()->route == RouteClass::app;
  ModuleClaim out;
  out.route =
      policy::module_of(exchange.request().path, {app, domain.module.text(), domain.site.text()});
  if (out.route.module.empty()) return out;
  if (!domain.module.present()) out.route.module = base::canonical_id(out.route.module);
  if (!app) return out;
  identity::SiteClaim claim = site_claim(exchange.request());
  out.route.site = std::move(claim.site);
  out.contradictory = claim.contradictory;
  return out;
}

EmbedClaim embed_claim(std::string_view target) {
  constexpr std::string_view kEmbed = "/embed";
  EmbedClaim out;
  std::string buffer;
  const policy::ReadPath path = policy::read_path(target, buffer);
  out.unreadable = path.ambiguous();
  if (path.ambiguous() || !policy::is_under_any_case(path.loose, kEmbed)) return out;
  if (path.loose.size() <= kEmbed.size() + 1) return out;
  const std::string_view rest = path.loose.substr(kEmbed.size() + 1);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return out;
  const std::string_view site = rest.substr(slash + 1);
  out.module = base::canonical_id(rest.substr(0, slash));
  out.site = base::canonical_id(site.substr(0, site.find('/')));
  return out;
}

}  // namespace marquee::proxy
