#include "routing/host_table.hpp"

namespace marquee::routing {

std::string_view name(MatchKind kind) {
  switch (kind) {
    case MatchKind::none:
      return "none";
    case MatchKind::exact:
      return "exact";
    case MatchKind::pair:
      return "pair";
    case MatchKind::wildcard:
      return "wildcard";
    case MatchKind::app:
      return "app";
    case MatchKind::site:
      return "site";
  }
  return "none";
}

bool same_name_or_pair(const Match& a, std::string_view a_name, const Match& b,
                       std::string_view b_name) {
  if (a_name == b_name) return true;
  const auto by_name = [](const Match& m) {
    return m.kind == MatchKind::exact || m.kind == MatchKind::pair;
  };
  return a.domain == b.domain && by_name(a) && by_name(b);
}

HostTable::HostTable(const config::Settings& settings) {
  for (const config::Domain& row : settings.domains) {
    auto domain = make_domain(settings, row);
    if (!domain) continue;
    if (domain->wildcard) {
      Parent& parent = parents_[domain->host.text()];
      if (!parent.wildcard) parent.wildcard = domain.get();
    } else {
      names_.try_emplace(domain->host.text(), Match{domain.get(), MatchKind::exact});
    }
    domains_.push_back(std::move(domain));
  }
  // After all exact names, which come first whatever the order of the rows.
  for (const auto& domain : domains_) {
    if (!domain->pair) continue;
    const base::Hostname& twin = domain->host == domain->www ? domain->bare : domain->www;
    names_.try_emplace(twin.text(), Match{domain.get(), MatchKind::pair});
  }
  for (const auto& host : settings.hosts.app_hosts) {
    auto domain = make_app_domain(settings, *host);
    if (!domain) continue;
    // A wildcard stands above app hosts: what it covers is not entered here.
    const auto covered = parents_.find(domain->host.parent());
    if (covered == parents_.end() || !covered->second.wildcard) {
      names_.try_emplace(domain->host.text(), Match{domain.get(), MatchKind::app});
    }
    domains_.push_back(std::move(domain));
  }
  if (settings.hosts.sites_base.value.empty()) return;
  if (auto domain = make_sites_domain(settings)) {
    parents_[domain->host.text()].sites = domain.get();
    domains_.push_back(std::move(domain));
  }
}

Match HostTable::lookup(std::string_view name) const {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return {};
  const auto parent = parents_.find(name.substr(dot + 1));
  if (parent == parents_.end()) return {};
  if (parent->second.wildcard) return {parent->second.wildcard, MatchKind::wildcard};
  return {parent->second.sites, MatchKind::site};
}

}  // namespace marquee::routing
