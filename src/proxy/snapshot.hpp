// The settings in force, as requests see them: immutable, shared by all workers.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip.hpp"
#include "brand/pages/page_set.hpp"
#include "config/settings.hpp"
#include "proxy/answers/answer_plan.hpp"
#include "proxy/arena.hpp"
#include "proxy/branding/domain_brand.hpp"
#include "proxy/coding/codec.hpp"
#include "proxy/gate_set.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outcome.hpp"
#include "proxy/outgoing.hpp"
#include "proxy/policy/path_rules.hpp"
#include "proxy/policy/visitors.hpp"
#include "routing/directory_domain.hpp"
#include "routing/domain.hpp"
#include "routing/host_table.hpp"
#include "tls/admission.hpp"
#include "tls/certified_key.hpp"

namespace marquee::proxy {

// Field edits of a domain, ready to apply: names in lower case to match, a block
// to append.
class FieldPlan {
 public:
  FieldPlan() = default;
  explicit FieldPlan(const config::FieldEdits& edits);
  bool empty() const { return removed_.empty() && block_.fields().empty(); }
  void apply(http::FieldTable& fields, Additions& additions) const;

  // Of what comes, in lower case.
  const std::vector<std::string>& removed() const { return removed_; }

 private:
  std::vector<std::string> removed_;  // set replaces: it removes first
  FieldBlock block_;
};

// A domain, ready for requests: what can be computed before the first one is.
struct DomainPlan : std::enable_shared_from_this<DomainPlan> {
  std::shared_ptr<const routing::Domain> domain;
  std::uint64_t serial = 0;  // of this plan in this process, never used again
  RouteClass route = RouteClass::custom;
  std::uint32_t pool = 0;  // index into Settings::upstreams
  FieldBlock context;      // the plain tenant fields
  FieldPlan request_fields;
  FieldPlan response_fields;
  std::shared_ptr<const policy::Visitors> visitors;  // null: anybody
  GateSet gates;                                     // that its requests meet
  std::string host_field;                            // sent as Host; empty: the client's
  bool endpoint_host = false;                        // the endpoint's own name is sent as Host
  std::shared_ptr<const DomainBrand> brand;          // null: the domain has none
  std::shared_ptr<const AnswerPlan> answers;         // null: answers pass as they are
  // What answers may be compressed with; empty: nothing.
  std::vector<Coding> codings;
  unsigned coding_level = 4;
  std::uint64_t coding_least_size = 1024;

  // Where the domain's certificate comes from, and within which scope sessions
  // may be resumed.
  struct Certificate {
    std::shared_ptr<const tls::CertificateSpec> spec;  // null: its files are unusable
    tls::CertificateScope scope;
  };
  Certificate certificate;  // of all domains but the sites base
  Certificate certificate_for(std::string_view host) const;
  std::vector<std::string> covered;  // names in the certificate, for the 421 rule

  // What stands in front of the visitor's path at the upstream: "/site/x", or nothing
  // where the template is another than a prefix.
  std::string_view upstream_prefix(std::string_view host, Arena& arena) const;
  // What the upstream is asked for; empty when the path may not be rewritten.
  std::string_view target(std::string_view path, std::string_view host, Arena& arena) const;
};

// Everything of `domain` that does not wait for a request. `settings` are those that
// it was made under; `intermediates` only for domains with certificate files.
std::shared_ptr<DomainPlan> make_plan(std::shared_ptr<const routing::Domain> domain,
                                      const config::Settings& settings,
                                      tls::IntermediateSet* intermediates);

class Snapshot {
 public:
  // `settings` was checked: no problem is left in it.
  Snapshot(config::Settings settings, tls::IntermediateSet& intermediates);

  struct Found {
    const DomainPlan* plan = nullptr;
    routing::Match match;
  };
  Found find(std::string_view host) const;

  const config::Settings& settings() const { return settings_; }
  const base::CidrList& trusted() const { return trusted_; }
  // Of a class of hosts; not `none`.
  const policy::PathRules& paths(RouteClass route) const {
    return paths_[static_cast<std::size_t>(route)];
  }
  const brand::PageSet& pages() const { return pages_; }
  const routing::HostTable& hosts() const { return hosts_; }
  // What rows of the directory become under these settings.
  const routing::DirectoryRules& directory_rules() const { return rules_; }
  const std::vector<std::shared_ptr<DomainPlan>>& plans() const { return plans_; }

 private:
  config::Settings settings_;
  brand::PageSet pages_;
  routing::HostTable hosts_;
  routing::DirectoryRules rules_;
  base::CidrList trusted_;
  std::array<policy::PathRules, static_cast<std::size_t>(RouteClass::count_)> paths_;
  std::vector<std::shared_ptr<DomainPlan>> plans_;
  std::unordered_map<const routing::Domain*, const DomainPlan*> by_domain_;
};

}  // namespace marquee::proxy
