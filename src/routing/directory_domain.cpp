#include "routing/directory_domain.hpp"

#include <array>
#include <utility>

namespace marquee::routing {
namespace {

const DirectoryRules::Way& way_of(const DirectoryRules& rules, RecordKind kind) {
  switch (kind) {
    case RecordKind::site_domain:
      return rules.sites;
    case RecordKind::site_subdomain:
      return rules.subdomains;
    default:
      return rules.modules;
  }
}

// A path made of an id that the row does not have would lead to another's page.
bool has_ids(const DomainRecord& row, std::string_view path) {
  const std::array<std::pair<std::string_view, bool>, 5> needs{
      {{"{installation_id}", row.installation.present()},
       {"{module_id}", row.module.present()},
       {"{site_id}", row.site.present()},
       {"{client_id}", row.client.present()},
       {"{agency_id}", row.agency.present()}}};
  for (const auto& [variable, present] : needs)
    if (!present && path.find(variable) != std::string_view::npos) return false;
  return true;
}

// The upstream knows a site by the name in its row, not by its www twin.
std::string with_host(std::string path, const base::Hostname& host) {
  constexpr std::string_view variable = "{host}";
  for (std::size_t at = path.find(variable); at != std::string::npos;
       at = path.find(variable, at + host.text().size()))
    path.replace(at, variable.size(), host.text());
  return path;
}

}  // namespace

DirectoryRules directory_rules(const config::Settings& settings) {
  const config::Directory& d = settings.directory;
  DirectoryRules out;
  // Unset is only left where the operator alone writes (config::check).
  out.states = {d.trust_status != config::Trust::no, d.refused_agencies, d.refused_subscriptions,
                d.serve_unpublished};
  out.modules = {*d.modules.upstream, *d.modules.path};
  out.sites = {*d.sites.upstream, *d.sites.path};
  out.subdomains = {*settings.hosts.sites_upstream, *settings.hosts.sites_path};
  if (const auto base = base::parse_hostname(*settings.hosts.sites_base); base.name)
    out.sites_base = base.name->string();
  return out;
}

std::shared_ptr<const Domain> make_domain(const config::Settings& settings,
                                          const DirectoryRules& rules,
                                          const Resolution& resolution) {
  const DomainRecord& row = *resolution.record;
  auto domain = std::make_shared<Domain>(row.host);
  domain->record = resolution.record;
  domain->wildcard = row.wildcard;
  const bool subdomain = row.kind == RecordKind::site_subdomain;
  if (subdomain) domain->host_class = HostClass::site;
  // One site each, unlike the sites base of the settings: no name of its neighbours.
  if (!row.wildcard && !subdomain) set_pair(*domain);
  if (domain->pair) domain->force_www = row.config.force_www;
  domain->redirect_to_https = row.config.redirect_to_https;
  domain->installation = row.installation;
  domain->module = row.module;
  domain->site = row.site;
  domain->client = row.client;
  domain->agency = row.agency;
  domain->domain_id = row.domain_id;
  domain->response_fields.set = row.config.custom_headers;
  domain->certificate_source =
      row.certificate.present ? CertificateSource::directory : CertificateSource::internal;
  domain->scope = scope_of(*domain);
  if (resolution.kind == Resolution::Kind::redirect) {
    // Both names of the pair leave; www rules would be one hop too many.
    domain->force_www = config::WwwRule::either;
    domain->redirect = resolution.redirect;
    return domain;
  }
  domain->state = resolution.state;
  if (domain->state == DomainState::serving && in_maintenance(settings, row.agency))
    domain->state = DomainState::maintenance;
  const DirectoryRules::Way& way = way_of(rules, row.kind);
  if (way.upstream.empty() || !has_ids(row, way.path)) return nullptr;
  const bool site = row.kind != RecordKind::module_domain;
  if (!set_way(settings, way.upstream, site ? with_host(way.path, row.host) : way.path, *domain))
    return nullptr;
  return domain;
}

}  // namespace marquee::routing
