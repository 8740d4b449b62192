#include "routing/domain.hpp"

#include <algorithm>
#include <optional>

namespace marquee::routing {
namespace {

std::optional<std::uint32_t> find_upstream(const config::Settings& settings,
                                           std::string_view name) {
  for (std::size_t i = 0; i < settings.upstreams.size(); ++i) {
    if (settings.upstreams[i].name == name) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

template <typename Id>
void set_id(Id& id, std::string_view text) {
  if (auto parsed = Id::parse(text)) id = *std::move(parsed);
}

}  // namespace

bool set_way(const config::Settings& settings, std::string_view upstream, std::string_view path,
             Domain& domain) {
  const auto index = find_upstream(settings, upstream);
  const PathTemplate::Compiled compiled = PathTemplate::compile(path);
  if (!index || !compiled.path_template) return false;
  domain.upstream = upstream;
  domain.upstream_index = *index;
  domain.path = compiled.path_template->bound({domain.installation.text(), domain.module.text(),
                                               domain.site.text(), domain.client.text(),
                                               domain.agency.text()});
  return true;
}

void set_pair(Domain& domain) {
  auto twin = domain.host.www_twin();
  if (!twin) return;
  domain.pair = true;
  (domain.host.is_www() ? domain.bare : domain.www) = *std::move(twin);
}

std::string scope_of(const Domain& domain) {
  // Ids hold no space, so that the parts cannot run into each other.
  return std::string(domain.agency.text()) + (domain.wildcard ? " *." : " ") +
         (domain.pair ? domain.bare : domain.host).string();
}

std::string_view name(HostClass host_class) {
  switch (host_class) {
    case HostClass::custom:
      return "custom";
    case HostClass::app:
      return "app";
    case HostClass::site:
      return "site";
  }
  return "custom";
}

std::string_view name(DomainState state) {
  switch (state) {
    case DomainState::serving:
      return "serving";
    case DomainState::disabled:
      return "disabled";
    case DomainState::agency_suspended:
      return "agency_suspended";
    case DomainState::installation_disabled:
      return "installation_disabled";
    case DomainState::site_unpublished:
      return "site_unpublished";
    case DomainState::maintenance:
      return "maintenance";
  }
  return "serving";
}

bool in_maintenance(const config::Settings& settings, const base::AgencyId& agency) {
  return std::any_of(settings.pages.maintenance.begin(), settings.pages.maintenance.end(),
                     [&](const std::string& id) {
                       return id == "all" || (agency.present() && id == agency.text());
                     });
}

std::shared_ptr<const Domain> make_domain(const config::Settings& settings,
                                          const config::Domain& row) {
  const bool wildcard = row.host.value.starts_with('*');
  auto parsed = wildcard ? base::parse_wildcard(*row.host) : base::parse_hostname(*row.host);
  if (!parsed.name || parsed.port >= 0) return nullptr;
  auto domain = std::make_shared<Domain>(*std::move(parsed.name));
  domain->wildcard = wildcard;
  if (row.pair && !wildcard) set_pair(*domain);
  if (domain->pair) domain->force_www = row.force_www;
  domain->redirect_to_https = row.redirect_to_https;
  domain->enabled = row.enabled;
  set_id(domain->installation, row.installation);
  set_id(domain->module, row.module);
  set_id(domain->site, row.site);
  set_id(domain->client, row.client);
  set_id(domain->agency, row.agency);
  set_id(domain->domain_id, row.domain_id);
  const std::string& path = row.path ? row.path->value : settings.hosts.custom_path.value;
  if (!set_way(settings, *row.upstream, path, *domain)) return nullptr;
  if (row.maintenance || in_maintenance(settings, domain->agency))
    domain->state = DomainState::maintenance;
  domain->request_fields = row.request_fields;
  domain->response_fields = row.response_fields;
  if (!row.visitors.empty())
    domain->visitors = std::make_shared<const config::Visitors>(row.visitors);
  const config::Brand& b = row.brand;
  domain->own_brand = {b.logo_url,  b.favicon_url,     b.name, b.primary,
                       b.secondary, b.hide_powered_by, b.css};
  domain->certificates = row.certificates;
  domain->certificate_source =
      row.certificates.empty() ? CertificateSource::internal : CertificateSource::files;
  domain->scope = scope_of(*domain);
  return domain;
}

std::shared_ptr<const Domain> make_app_domain(const config::Settings& settings,
                                              std::string_view host) {
  auto parsed = base::parse_hostname(host);
  if (!parsed.name || parsed.port >= 0) return nullptr;
  auto domain = std::make_shared<Domain>(*std::move(parsed.name));
  domain->host_class = HostClass::app;
  if (!set_way(settings, *settings.hosts.app_upstream, "{path}", *domain)) return nullptr;
  domain->scope = " app " + domain->host.string();
  return domain;
}

std::shared_ptr<const Domain> make_sites_domain(const config::Settings& settings) {
  auto parsed = base::parse_hostname(*settings.hosts.sites_base);
  if (!parsed.name || parsed.port >= 0) return nullptr;
  auto domain = std::make_shared<Domain>(*std::move(parsed.name));
  domain->host_class = HostClass::site;
  domain->wildcard = true;
  const auto& hosts = settings.hosts;
  if (!set_way(settings, *hosts.sites_upstream, *hosts.sites_path, *domain)) return nullptr;
  if (in_maintenance(settings, domain->agency)) domain->state = DomainState::maintenance;
  domain->scope = " site ";
  return domain;
}

std::string tls_scope(const Domain& domain, std::string_view host) {
  if (domain.host_class != HostClass::site) return domain.scope;
  return domain.scope + std::string(host);
}

bool same_agency(const Domain& a, const Domain& b) { return a.agency.same(b.agency); }

std::string_view www_redirect(const Domain& domain, std::string_view host) {
  if (!domain.pair || domain.force_www == config::WwwRule::either) return {};
  const bool to_www = domain.force_www == config::WwwRule::www;
  const base::Hostname& wanted = to_www ? domain.www : domain.bare;
  const base::Hostname& other = to_www ? domain.bare : domain.www;
  return host == other.text() ? wanted.text() : std::string_view();
}

}  // namespace marquee::routing
