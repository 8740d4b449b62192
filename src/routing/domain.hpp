// The Domain: one hostname (or www pair, or wildcard) with all that a request
// under it needs to know. Immutable once built; shared by count between
// threads, so that a long body may pin its Domain alone (shared_from_this).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hostname.hpp"
#include "base/ids.hpp"
#include "config/settings.hpp"
#include "routing/domain_record.hpp"
#include "routing/path_template.hpp"

namespace marquee::routing {

enum class HostClass : std::uint8_t {
  custom,  // a customer's domain
  app,     // the platform's own application
  site,    // label.<sites base>; one Domain stands for all of them
};
std::string_view name(HostClass host_class);

enum class CertificateSource : std::uint8_t { internal, files, directory };

// What visitors of a domain get. All but `serving` are pages of Marquee.
enum class DomainState : std::uint8_t {
  serving,
  disabled,               // the domain was switched off
  agency_suspended,       // its agency's status or subscription is refused
  installation_disabled,  // its module is switched off
  site_unpublished,
  maintenance,
};
std::string_view name(DomainState state);

struct Domain : std::enable_shared_from_this<Domain> {
  explicit Domain(base::Hostname name) : host(std::move(name)), bare(host), www(host) {}

  base::Hostname host;  // as named; for wildcards and the sites base the parent
  HostClass host_class = HostClass::custom;
  bool wildcard = false;  // one label in front of `host` matches
  bool pair = false;      // `bare` and `www` are both this domain
  base::Hostname bare;    // both equal to `host` where there is no pair
  base::Hostname www;
  config::WwwRule force_www = config::WwwRule::either;
  bool redirect_to_https = true;
  // False: of the settings, which refuse its handshakes, too. A disabled row of a
  // directory has a state instead, and shows its page on https as well.
  bool enabled = true;

  base::InstallationId installation;
  base::ModuleId module;
  base::SiteId site;
  base::ClientId client;
  base::AgencyId agency;
  base::DomainId domain_id;

  std::string upstream;              // name of the pool
  std::uint32_t upstream_index = 0;  // its position in Settings::upstreams
  PathTemplate path;                 // ids are bound
  config::FieldEdits request_fields;
  config::FieldEdits response_fields;
  std::shared_ptr<const config::Visitors> visitors;  // null: those of the host class

  CertificateSource certificate_source = CertificateSource::internal;
  std::vector<config::CertificateFiles> certificates;
  // Agency and pair name: sessions may be resumed within it and nowhere else.
  // Use tls_scope(), as the sites below one base are strangers to each other.
  std::string scope;

  // Of domains from the directory; those of the settings serve, or are disabled.
  DomainState state = DomainState::serving;
  std::optional<RedirectTo> redirect;          // then nothing goes upstream
  std::shared_ptr<const DomainRecord> record;  // null: from the settings
  WhiteLabel own_brand;                        // of the settings; else the record has it
  const WhiteLabel& white_label() const { return record ? record->white_label : own_brand; }
};

// From one row of the settings; nothing if its host, upstream or path template
// is faulty (check.hpp says how). Faulty ids are left absent.
std::shared_ptr<const Domain> make_domain(const config::Settings& settings,
                                          const config::Domain& row);
std::shared_ptr<const Domain> make_app_domain(const config::Settings& settings,
                                              std::string_view host);
std::shared_ptr<const Domain> make_sites_domain(const config::Settings& settings);

// Parts of making one, also from a row of the directory.
// What leads to the upstream; false where a part of it is faulty.
bool set_way(const config::Settings& settings, std::string_view upstream, std::string_view path,
             Domain& domain);
void set_pair(Domain& domain);  // where the host has a twin
std::string scope_of(const Domain& domain);
// By pages.maintenance.
bool in_maintenance(const config::Settings& settings, const base::AgencyId& agency);

// What the TLS session id context is made of, beside the policy.
std::string tls_scope(const Domain& domain, std::string_view host);

// The rule for 421: an authority of the same agency may use a connection whose
// certificate covers it. Domains without an agency are nobody's.
bool same_agency(const Domain& a, const Domain& b);

// The name of the pair that the visitor should be on, if it is not `host`:
// redirect there. Empty: stay. `host` is normalised.
std::string_view www_redirect(const Domain& domain, std::string_view host);

}  // namespace marquee::routing
