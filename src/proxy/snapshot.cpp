#include "proxy/snapshot.hpp"

#include <algorithm>
#include <atomic>

namespace marquee::proxy {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

RouteClass route_of(routing::HostClass c) {
  switch (c) {
    case routing::HostClass::custom:
      return RouteClass::custom;
    case routing::HostClass::app:
      return RouteClass::app;
    case routing::HostClass::site:
      return RouteClass::site;
  }
  return RouteClass::custom;
}

// Platform contract 2.3 and design 9: the plain fields. A convenience; proof is
// the signed context.
FieldBlock context_of(const routing::Domain& d) {
  FieldBlock block;
  auto add = [&block](std::string_view name, std::string_view value) {
    if (!value.empty()) block.add(name, value);
  };
  add("x-tenant-agency-id", d.agency.text());
  add("x-tenant-client-id", d.client.text());
  add("x-tenant-site-id", d.site.text());
  add("x-site-id", d.site.text());
  add("x-module-id", d.module.text());
  add("x-site-module-installation-id", d.installation.text());
  add("x-domain-id", d.domain_id.text());
  return block;
}

// Reads PEM into records; the settings were checked, so that a failure here means
// that a file changed meanwhile: the domain is then refused, the others serve.
DomainPlan::Certificate certificate_of(const routing::Domain& d,
                                       tls::IntermediateSet* intermediates,
                                       std::vector<std::string>& covered) {
  DomainPlan::Certificate out;
  out.scope = tls::scope_of(d.agency.text(), routing::tls_scope(d, d.host.text()));
  if (d.certificate_source == routing::CertificateSource::internal) {
    const std::string name = d.wildcard ? "*." + d.host.string() : d.bare.string();
    out.spec = std::make_shared<tls::CertificateSpec>(tls::internal_spec(name, d.pair));
    covered = out.spec->names;
    return out;
  }
  if (d.certificate_source == routing::CertificateSource::directory) {
    const routing::DomainRecord& row = *d.record;
    covered = d.wildcard ? std::vector{"*." + d.host.string()}
                         : std::vector{d.bare.string(), d.www.string()};
    out.spec = std::make_shared<tls::CertificateSpec>(
        tls::stored_spec(row.kind, row.row, row.certificate.version, covered));
    return out;
  }
  std::vector<tls::CertificateRecord> records;
  for (const config::CertificateFiles& files : d.certificates) {
    tls::Made<tls::CertificateRecord> record = tls::read_record(files, *intermediates);
    if (!record.value) return out;
    records.push_back(std::move(*record.value));
  }
  if (records.empty()) return out;
  covered = tls::names_of(records.front());
  out.spec = std::make_shared<tls::CertificateSpec>(tls::spec_of(std::move(records)));
  return out;
}

}  // namespace

FieldPlan::FieldPlan(const config::FieldEdits& edits) {
  for (const std::string& name : edits.remove) removed_.push_back(lower(name));
  for (const auto& [name, value] : edits.set) {
    removed_.push_back(lower(name));
    block_.add(name, value);
  }
  for (const auto& [name, value] : edits.add) block_.add(name, value);
}

void FieldPlan::apply(http::FieldTable& fields, Additions& additions) const {
  if (empty()) return;
  for (http::Field& f : fields)
    for (const std::string& name : removed_)
      if (http::iequals(f.name, name)) f.dropped = true;
  additions.add(block_);
}

std::string_view DomainPlan::target(std::string_view path, std::string_view host,
                                    Arena& arena) const {
  if (domain->path.is_identity() || path == "*") return path;
  const std::size_t bound = path.size() + 3 * host.size() + 1024;
  const routing::Expanded out = domain->path.expand(host, path, {arena.take(bound), bound});
  return out.status == routing::Expansion::ok ? out.target : std::string_view{};
}

std::string_view DomainPlan::upstream_prefix(std::string_view host, Arena& arena) const {
  std::string_view root = target("/", host, arena);
  if (!root.ends_with('/') || root.find('?') != std::string_view::npos) return {};
  root.remove_suffix(1);
  return root;
}

// Below the sites base every label is a stranger to its neighbours: sessions have
// a scope of their own. Without a directory the leaf is one for all, since labels are whatever a
// stranger sends: one each would be made and kept for nothing.
DomainPlan::Certificate DomainPlan::certificate_for(std::string_view host) const {
  if (route != RouteClass::site) return certificate;
  Certificate out;
  out.spec = certificate.spec;
  out.scope = tls::scope_of(domain->agency.text(), routing::tls_scope(*domain, host));
  return out;
}

std::shared_ptr<DomainPlan> make_plan(std::shared_ptr<const routing::Domain> domain,
                                      const config::Settings& settings,
                                      tls::IntermediateSet* intermediates) {
  static std::atomic<std::uint64_t> plans{0};
  auto plan = std::make_shared<DomainPlan>();
  plan->serial = plans.fetch_add(1, std::memory_order_relaxed) + 1;
  plan->domain = std::move(domain);
  const routing::Domain& d = *plan->domain;
  plan->route = route_of(d.host_class);
  plan->pool = d.upstream_index;
  plan->context = context_of(d);
  plan->brand = make_domain_brand(d.white_label(), settings.branding);
  if (plan->brand && !plan->brand->field.empty())
    plan->context.add("x-white-label", plan->brand->field);
  plan->request_fields = FieldPlan(d.request_fields);
  config::FieldEdits edits = d.response_fields;
  if (d.record) edits.set = allowed_fields(edits.set, settings.answers);
  plan->response_fields = FieldPlan(plan->brand ? with_brand(edits, *plan->brand) : edits);
  plan->answers = AnswerPlan::make(d, settings);
  const config::Compression& c = settings.compression;
  if (c.answers == config::Compress::all || (c.answers == config::Compress::branded && plan->brand))
    for (const std::string& coding : c.codings) plan->codings.push_back(parse_coding(coding));
  plan->coding_level = c.level;
  plan->coding_least_size = c.least_size;
  plan->certificate = certificate_of(d, intermediates, plan->covered);
  if (d.redirect) return plan;  // nothing goes upstream
  plan->gates = gates_of(d, settings);
  if (const config::Visitors& who = visitors_of(settings.hosts, d); !who.empty())
    plan->visitors = std::make_shared<const policy::Visitors>(who);
  const std::string& host_field = settings.upstreams[plan->pool].host_field;
  plan->endpoint_host = host_field == "endpoint";
  if (!plan->endpoint_host) plan->host_field = host_field;
  return plan;
}

Snapshot::Snapshot(config::Settings settings, tls::IntermediateSet& intermediates)
    : settings_(std::move(settings)), pages_(settings_.pages), hosts_(settings_) {
  std::vector<base::Cidr> networks;
  for (const auto& text : settings_.trusted_proxies)
    if (auto cidr = base::Cidr::parse(*text)) networks.push_back(*cidr);
  trusted_ = base::CidrList(std::move(networks));
  rules_ = routing::directory_rules(settings_);
  const auto lists = [this](routing::HostClass host, const config::PathLists& of) {
    paths_[static_cast<std::size_t>(route_of(host))] = {of.refused, of.allowed,
                                                        gates_judge_paths(host, settings_)};
  };
  lists(routing::HostClass::app, settings_.hosts.app_paths);
  lists(routing::HostClass::site, settings_.hosts.sites_paths);
  lists(routing::HostClass::custom, settings_.hosts.custom_paths);
  for (const auto& domain : hosts_.domains()) {
    plans_.push_back(make_plan(domain, settings_, &intermediates));
    by_domain_.emplace(domain.get(), plans_.back().get());
  }
}

Snapshot::Found Snapshot::find(std::string_view host) const {
  const routing::Match match = hosts_.lookup(host);
  if (!match) return {};
  const auto it = by_domain_.find(match.domain);
  return {it == by_domain_.end() ? nullptr : it->second, match};
}

}  // namespace marquee::proxy
