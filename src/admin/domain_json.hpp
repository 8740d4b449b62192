// A domain as the admin API shows it. What is shown is listed here and nowhere
// else: certificates, keys and verification tokens are not. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/domain_query.hpp"
#include "routing/resolution.hpp"

namespace marquee::admin {

// The id of a domain in the API: its row's own for module domains of the directory,
// else with a word before it, such as "settings:shop.example".
std::string domain_id(const routing::DomainRecord& record, DomainSource source);
struct DomainKey {
  DomainSource source = DomainSource::directory;
  routing::RecordKind kind = routing::RecordKind::module_domain;  // of the directory's
  std::string row;
};
// Nothing where it can be no id.
std::optional<DomainKey> parse_domain_id(std::string_view id);

// The name as it is written: "shop.example", "*.shop.example".
std::string shown_host(const routing::DomainRecord& record);

// One JSON object. `policy`: which states visitors see.
std::string domain_json(const routing::DomainRecord& record, DomainSource source,
                        const routing::StatePolicy& policy);

// {"domains": [...], "next": "..."}; `next` empty: the last page, null there.
std::string domain_page_json(const std::vector<std::string>& domains, std::string_view next);

}  // namespace marquee::admin
