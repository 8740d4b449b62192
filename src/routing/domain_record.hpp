// One row of the directory of domains, as the storage adapters give it: names,
// tenant, states, settings. Plain data, the same from every adapter; nothing in it
// depends on Marquee's own settings. What it means is decided by resolution.hpp,
// what a request needs is made of it by domain.hpp.
//
// An adapter gives a record only after every value was checked: the name by
// base::parse_hostname or parse_wildcard, ids by Id::parse (a faulty one is left
// absent), free text cut by bounded_state(), JSON by record_json.hpp. A row whose
// name does not parse is no record; a row of which another part is broken is one,
// with that part at its default and a sentence in `faults`: a poisoned row affects
// only its own domain.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hostname.hpp"
#include "base/ids.hpp"
#include "config/settings.hpp"

namespace marquee::routing {

// Where the row comes from. In the order of precedence (platform contract, R9b).
enum class RecordKind : std::uint8_t {
  module_domain,   // module_custom_domains
  site_domain,     // sites.custom_domain
  site_subdomain,  // sites.subdomain, below the sites base
  redirect,        // domain_redirects
};
std::string_view name(RecordKind kind);

// module_custom_domains.status and .ssl_status. `unknown`: another word than the
// platform's CHECK allows; never live.
enum class DomainStatus : std::uint8_t {
  pending,
  verifying,
  verified,
  provisioning,
  active,
  failed,
  expired,
  disabled,
  unknown,
};
enum class SslStatus : std::uint8_t {
  none,
  pending,
  provisioning,
  active,
  expired,
  failed,
  unknown
};
std::string_view name(DomainStatus status);
std::string_view name(SslStatus status);
// Exact, lower-case words. Give "pending" and "none" for SQL NULL.
DomainStatus parse_domain_status(std::string_view text);
SslStatus parse_ssl_status(std::string_view text);

// Free text of a status column (agencies.status, subscription_status,
// clients.status): lower-case ASCII, at most 32 bytes, anything else becomes
// "invalid". SQL NULL and "" stay "".
std::string bounded_state(std::string_view text);

// module_custom_domains.config (platform contract 1.5), bounded.
struct DomainConfig {
  bool redirect_to_https = true;
  config::WwwRule force_www = config::WwwRule::either;
  config::Fields custom_headers;                  // response fields; grammar checked
  std::optional<std::chrono::seconds> cache_ttl;  // 0..86400; 0: none
  bool enable_cdn = false;
  bool maintenance = false;  // a key of ours, beside the platform's
  friend bool operator==(const DomainConfig&, const DomainConfig&) = default;
};

// module_custom_domains.white_label. UTF-8 without control characters, bounded;
// whether a colour is a colour or a URL is allowed is the brand room's question.
struct WhiteLabel {
  std::string logo_url;
  std::string favicon_url;
  std::string brand_name;
  std::string primary_color;
  std::string secondary_color;
  bool hide_powered_by = false;
  std::string custom_css;
  friend bool operator==(const WhiteLabel&, const WhiteLabel&) = default;
};

// That a certificate is there, without its key. Sentinels, halves of a pair and
// keys that cannot be decrypted count as absent.
struct CertificateReference {
  bool present = false;
  // Changes exactly when the stored certificate or key does, e.g. the hex SHA-256
  // of both columns; at most 64 bytes.
  std::string version;
  std::optional<std::chrono::sys_seconds> expires_at;
  friend bool operator==(const CertificateReference&, const CertificateReference&) = default;
};

enum class RedirectType : std::uint8_t { moved_301, found_302, permanent_308 };

struct RedirectTo {
  base::Hostname host;
  RedirectType type = RedirectType::moved_301;
  bool preserve_path = true;
  friend bool operator==(const RedirectTo&, const RedirectTo&) = default;
};

struct DomainRecord {
  explicit DomainRecord(base::Hostname name) : host(std::move(name)) {}

  RecordKind kind = RecordKind::module_domain;
  // As stored, normalised. For a wildcard row the parent; for a site_subdomain the
  // whole name, label and base; for a redirect the name that is left.
  base::Hostname host;
  bool wildcard = false;
  // Primary key of the row in its own table (a redirect's is that of its row).
  // With `kind` it names the row; `domain_id` is the key of module domains only.
  std::string row;

  base::DomainId domain_id;
  base::InstallationId installation;
  base::ModuleId module;
  base::SiteId site;
  base::ClientId client;
  base::AgencyId agency;

  // Module domains. Site rows: `active` if their name was verified (site_domain:
  // custom_domain_verified), else `pending`. Redirects: `active` or `disabled`.
  DomainStatus status = DomainStatus::pending;
  SslStatus ssl_status = SslStatus::none;
  // Evidence that Marquee gathered itself, from its own table: the row's status
  // needs no trust.
  bool proven = false;
  bool installation_enabled = true;  // true where there is no installation
  bool site_published = true;        // true where there is no site
  std::string agency_status;         // bounded_state
  std::string subscription_status;   // bounded_state
  std::string agency_plan;           // bounded_state
  std::string client_status;         // bounded_state

  DomainConfig config;
  WhiteLabel white_label;
  CertificateReference certificate;
  std::optional<RedirectTo> redirect;  // exactly for kind redirect

  std::vector<std::string> faults;  // sentences about parts that were unusable; few

  friend bool operator==(const DomainRecord&, const DomainRecord&) = default;
};

// Memory that a record holds, for budgets; estimated.
std::size_t bytes_of(const DomainRecord& record);

}  // namespace marquee::routing
