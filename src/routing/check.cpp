#include "routing/check.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/hostname.hpp"
#include "base/ids.hpp"
#include "base/suggest.hpp"
#include "routing/path_template.hpp"

namespace marquee::routing {
namespace {

// Not `quoted`: std::quoted is found by its arguments where <iomanip> came along.
std::string ticked(std::string_view text) { return "`" + std::string(text) + "`"; }

class Checker {
 public:
  explicit Checker(const config::Settings& settings) : settings_(settings) {
    for (const auto& upstream : settings.upstreams) pools_.push_back(upstream.name);
  }

  std::vector<config::Problem> run() {
    for (const auto& row : settings_.domains) check_domain(row);
    for (const auto& row : settings_.domains) check_twin(row);
    check_app_hosts();
    check_sites();
    check_directory();
    check_template(settings_.hosts.custom_path, "hosts.custom_path");
    check_fallbacks();
    return std::move(problems_);
  }

 private:
  void report(config::Mark mark, std::string sentence) {
    problems_.push_back({mark, std::move(sentence)});
  }

  // "file:line" of a row that another one collides with.
  std::string place(config::Mark mark) const {
    const std::string file =
        mark.file < settings_.files.size() ? settings_.files[mark.file] + ":" : "line ";
    return file + std::to_string(mark.line);
  }

  std::optional<base::Hostname> check_name(const config::Marked<std::string>& text, bool wildcard) {
    auto parsed = wildcard ? base::parse_wildcard(*text) : base::parse_hostname(*text);
    if (!parsed.name) {
      report(text.mark, ticked(*text) + " " + std::string(parsed.why()));
    } else if (parsed.port >= 0) {
      report(text.mark, ticked(*text) + " has a port; write " + ticked(parsed.name->text()) +
                            ", listeners decide about ports");
      return std::nullopt;
    }
    return std::move(parsed.name);
  }

  void check_pool(const config::Marked<std::string>& pool, config::Mark owner,
                  std::string_view what) {
    if (pool.value.empty()) {
      report(owner, std::string(what) + " has no upstream; name a pool of `upstreams`");
      return;
    }
    for (const std::string_view known : pools_) {
      if (known == *pool) return;
    }
    std::string sentence = "there is no upstream " + ticked(*pool);
    std::string close = base::suggestion(*pool, pools_);
    if (close.empty()) {
      close = pools_.empty() ? "; define it under `upstreams`" : "; known are ";
      for (std::size_t i = 0; i < pools_.size(); ++i) close += (i ? ", " : "") + ticked(pools_[i]);
    }
    report(pool.mark, sentence + close);
  }

  std::optional<PathTemplate> check_template(const config::Marked<std::string>& text,
                                             std::string_view what) {
    auto compiled = PathTemplate::compile(*text);
    if (!compiled.path_template) {
      report(text.mark,
             "path template " + ticked(*text) + " of " + std::string(what) + " " + compiled.error);
    }
    return std::move(compiled.path_template);
  }

  void check_domain(const config::Domain& row) {
    const bool wildcard = row.host.value.starts_with('*');
    if (const auto name = check_name(row.host, wildcard)) {
      auto& taken = wildcard ? wildcards_ : names_;
      const auto [known, fresh] = taken.try_emplace(name->string(), &row);
      if (!fresh) {
        report(row.host.mark, ticked(*row.host) + " is already named at " +
                                  place(known->second->host.mark) + "; remove one of the two");
      }
    }
    if (row.force_www != config::WwwRule::either && (wildcard || !row.pair)) {
      report(row.mark, "`force_www` of " + ticked(*row.host) + " needs both names of a pair; " +
                           (wildcard ? "remove it, a wildcard has no pair"
                                     : "remove it, or write `pair: true`"));
    }
    check_pool(row.upstream, row.mark, "domain " + ticked(*row.host));
    check_ids(row);
  }

  void check_ids(const config::Domain& row) {
    const std::string domain = "domain " + ticked(*row.host);
    const std::pair<std::string_view, const std::string*> ids[] = {
        {"installation", &row.installation},
        {"module", &row.module},
        {"site", &row.site},
        {"client", &row.client},
        {"agency", &row.agency},
        {"domain_id", &row.domain_id}};
    for (const auto& [key, value] : ids) {
      if (value->empty() || base::AgencyId::parse(*value)) continue;
      report(row.mark, ticked(key) + " of " + domain + " " + std::string(base::kIdRule));
    }
    if (row.agency.empty()) {
      report(row.mark, domain +
                           " has no `agency`; write the id of the agency that owns it, as "
                           "tenants are kept apart by it");
    }
    if (row.installation.empty() && row.site.empty()) {
      report(row.mark, domain +
                           " belongs to nothing; write `installation` (a module's domain) or "
                           "`site` (a site's domain)");
    }
    check_path(row, domain);
  }

  void check_path(const config::Domain& row, const std::string& domain) {
    std::optional<PathTemplate> path;
    if (row.path) {
      path = check_template(*row.path, domain);
    } else {
      path = PathTemplate::compile(*settings_.hosts.custom_path).path_template;
    }
    if (!path) return;
    const TemplateIds ids{row.installation, row.module, row.site, row.client, row.agency};
    for (const auto& [variable, key] : {std::pair{Variable::installation_id, "installation"},
                                        {Variable::module_id, "module"},
                                        {Variable::site_id, "site"},
                                        {Variable::client_id, "client"}}) {
      if (!path->uses(variable) || !ids.get(variable).empty()) continue;
      report(row.path ? row.path->mark : row.mark,
             "the path template of " + domain + " uses {" + std::string(name(variable)) +
                 "}, but the domain has no " + ticked(key) + "; write one, or another `path`");
    }
  }

  // A pair's other name must not be a row of its own.
  void check_twin(const config::Domain& row) {
    if (!row.pair || row.host.value.starts_with('*')) return;
    const auto name = base::parse_hostname(*row.host).name;
    const auto twin = name ? name->www_twin() : std::nullopt;
    if (!twin) return;
    twins_.try_emplace(twin->string(), &row);
    const auto other = names_.find(twin->string());
    if (other == names_.end()) return;
    // Two pairs of each other: once is enough, at the later of the two.
    if (other->second->pair && other->second > &row) return;
    report(row.host.mark, ticked(*row.host) + " is a pair with " + ticked(twin->text()) +
                              ", which is named at " + place(other->second->host.mark) +
                              "; remove one of the two, or write `pair: false` in both");
  }

  void check_app_hosts() {
    const auto& hosts = settings_.hosts;
    for (const auto& text : hosts.app_hosts) {
      const auto name = check_name(text, false);
      if (!name) continue;
      if (const auto [known, fresh] = app_hosts_.try_emplace(name->string(), text.mark); !fresh) {
        report(text.mark, "app host " + ticked(*text) + " is already named at " +
                              place(known->second) + "; remove one of the two");
      }
      if (const config::Domain* owner = owner_of(*name)) {
        report(text.mark, "app host " + ticked(*text) + " is never reached, as the domain " +
                              ticked(*owner->host) + " takes it; remove it here, or the domain");
      }
    }
    if (!hosts.app_hosts.empty()) check_pool(hosts.app_upstream, hosts.mark, "`hosts.app_hosts`");
  }

  void check_sites() {
    const auto& hosts = settings_.hosts;
    const auto path = check_template(hosts.sites_path, "hosts.sites_path");
    if (hosts.sites_base.value.empty()) return;
    const auto name = check_name(hosts.sites_base, false);
    check_pool(hosts.sites_upstream, hosts.mark, "`hosts.sites_base`");
    if (name && wildcards_.contains(name->string())) {
      report(hosts.sites_base.mark, "sites below " + ticked(*hosts.sites_base) +
                                        " are never reached, as the domain " +
                                        ticked("*." + name->string()) + " at " +
                                        place(wildcards_.find(name->string())->second->host.mark) +
                                        " takes them; remove one of the two");
    }
    for (const Variable v : {Variable::installation_id, Variable::module_id, Variable::site_id,
                             Variable::client_id, Variable::agency_id}) {
      if (!path || !path->uses(v)) continue;
      report(hosts.sites_path.mark, "hosts.sites_path uses {" + std::string(routing::name(v)) +
                                        "}, which no site below the base has; write {label} or "
                                        "{host}");
    }
  }

  void check_directory() {
    for (const auto& m : settings_.tenants.modules)
      check_pool(m.upstream, m.mark, "`tenants.modules." + m.module + "`");
    const auto& d = settings_.directory;
    if (d.kind == config::DirectoryKind::yaml) return;
    for (const auto& [route, what] :
         {std::pair{&d.modules, "directory.modules"}, std::pair{&d.sites, "directory.sites"}}) {
      if (!route->upstream->empty()) check_pool(route->upstream, d.mark, what);
      check_template(route->path, std::string(what) + ".path");
    }
  }

  // The row that takes a name. Not HostTable's answer, as that leaves out rows
  // which are faulty in another way, and one fault should not make a second.
  const config::Domain* owner_of(const base::Hostname& name) const {
    for (const auto* rows : {&names_, &twins_}) {
      if (const auto found = rows->find(name.string()); found != rows->end()) return found->second;
    }
    const auto found = wildcards_.find(std::string(name.parent()));
    return found == wildcards_.end() ? nullptr : found->second;
  }

  void check_fallbacks() {
    std::vector<std::string_view> known;
    for (const auto& [name, row] : names_) known.push_back(name);
    for (const auto& host : settings_.hosts.app_hosts) known.push_back(*host);
    const auto base_name = base::parse_hostname(*settings_.hosts.sites_base).name;
    for (const auto& listener : settings_.listeners) {
      if (listener.fallback.value.empty()) continue;
      const auto name = check_name(listener.fallback, false);
      if (!name || owner_of(*name) || (base_name && name->parent() == base_name->text())) continue;
      if (app_hosts_.contains(name->string())) continue;
      const std::string close = base::suggestion(name->text(), known);
      report(listener.fallback.mark, "fallback " + ticked(*listener.fallback) +
                                         " is the name of no domain" +
                                         (close.empty() ? "; write one of `domains`" : close));
    }
  }

  const config::Settings& settings_;
  std::vector<std::string_view> pools_;
  std::map<std::string, const config::Domain*> names_;
  std::map<std::string, const config::Domain*> wildcards_;
  std::map<std::string, const config::Domain*> twins_;
  std::map<std::string, config::Mark> app_hosts_;
  std::vector<config::Problem> problems_;
};

}  // namespace

std::vector<config::Problem> check(const config::Settings& settings) {
  return Checker(settings).run();
}

}  // namespace marquee::routing
