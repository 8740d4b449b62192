// Records for tests.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "routing/directory.hpp"
#include "routing/resolution.hpp"

namespace marquee::routing {

inline base::Hostname sample_host(std::string_view text) {
  return *base::parse_hostname(text).name;
}

// "*.parent" makes a wildcard row. Live, of the agency "a1" and the site "s1".
inline DomainRecord sample_record(std::string_view text,
                                  RecordKind kind = RecordKind::module_domain) {
  const bool wildcard = text.starts_with("*.");
  DomainRecord r(wildcard ? *base::parse_wildcard(text).name : sample_host(text));
  r.kind = kind;
  r.wildcard = wildcard;
  r.row = "row-" + std::string(text);
  r.status = DomainStatus::active;
  r.ssl_status = SslStatus::active;
  r.agency = *base::AgencyId::parse("a1");
  r.site = *base::SiteId::parse("s1");
  r.client = *base::ClientId::parse("c1");
  if (kind == RecordKind::module_domain) {
    r.installation = *base::InstallationId::parse("i1");
    r.domain_id = *base::DomainId::parse("d-" + std::string(wildcard ? text.substr(2) : text));
  }
  return r;
}

inline DomainRecord sample_redirect(std::string_view from, std::string_view to,
                                    RedirectType type = RedirectType::moved_301,
                                    bool preserve = true) {
  DomainRecord r = sample_record(from, RecordKind::redirect);
  r.redirect = RedirectTo{sample_host(to), type, preserve};
  return r;
}

template <typename... Records>
DirectoryAnswer sample_answer(Records... records) {
  DirectoryAnswer out;
  out.status =
      sizeof...(records) ? DirectoryAnswer::Status::found : DirectoryAnswer::Status::absent;
  (out.rows.push_back(std::make_shared<DomainRecord>(std::move(records))), ...);
  return out;
}

inline StatePolicy sample_policy() { return {true, {"suspended", "cancelled"}, {}, false}; }

}  // namespace marquee::routing
