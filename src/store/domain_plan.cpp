#include "store/domain_plan.hpp"

#include "base/hostname.hpp"
#include "routing/record_json.hpp"

namespace marquee::store {
namespace {

using admin::BookResult;
using admin::DomainDraft;

bool same_json(const DomainDraft& draft, const DraftFacts& facts) {
  std::vector<std::string> ignored;
  const auto stored = [&facts](Fact f) { return facts[f].value_or(""); };
  return routing::read_config(draft.config, ignored) ==
             routing::read_config(stored(Fact::domain_config), ignored) &&
         routing::read_white_label(draft.white_label, ignored) ==
             routing::read_white_label(stored(Fact::domain_white_label), ignored);
}

std::string status_of(const DomainDraft& draft) {
  return std::string(name(draft.status.value_or(routing::DomainStatus::active)));
}

}  // namespace

std::string twin_of(const std::string& host) {
  const auto parsed = base::parse_hostname(host);
  const auto twin = parsed ? parsed.name->www_twin() : std::nullopt;
  return twin ? twin->string() : std::string();
}

bool BatchPlan::fail(BookResult result, std::string field, std::string sentence, std::string id) {
  answers_.back() = {result, std::move(id), std::move(field), std::move(sentence)};
  return false;
}

// Whether the name is nobody's; otherwise the answer is given. The same domain
// once more is no fault: an import may be repeated.
bool BatchPlan::name_is_free(const DomainDraft& draft, const DraftFacts& facts) {
  for (const std::string& name : {draft.host, twin_of(draft.host)}) {
    const auto found = names_.find(name);
    if (name.empty() || found == names_.end()) continue;
    const auto& [id, before] = found->second;
    if (before == draft) return fail(BookResult::unchanged, {}, {}, id);
    return fail(BookResult::taken, "host", name + " stands in this request already, otherwise.",
                id);
  }
  if (!facts[Fact::domain]) return true;
  const std::string id = *facts[Fact::domain];
  const std::string name = facts[Fact::domain_name].value_or("");
  if (name != draft.host)
    return fail(BookResult::taken, "host",
                name + " is there already, and " + draft.host + " is the same domain.", id);
  const auto differs = [&](const std::string& given, Fact fact) {
    return !given.empty() && given != facts[fact].value_or("");
  };
  const char* field = differs(draft.installation, Fact::domain_installation) ? "installation"
                      : differs(draft.module, Fact::module)                  ? "module"
                      : differs(draft.site, Fact::site)                      ? "site"
                      : differs(draft.client, Fact::client)                  ? "client"
                      : differs(draft.agency, Fact::agency)                  ? "agency"
                      : draft.status && differs(status_of(draft), Fact::domain_status) ? "status"
                      : !same_json(draft, facts) ? "config or white_label"
                                                 : nullptr;
  if (!field && draft.vouched && facts[Fact::proven] != "1")
    return fail(BookResult::taken, "vouched",
                name +
                    " is there already, and nobody vouches for it; PATCH it with "
                    "{\"vouched\": true}, or:  marquee domains vouch " +
                    name,
                id);
  if (!field) return fail(BookResult::unchanged, {}, {}, id);
  return fail(BookResult::taken, "host",
              name + " is there already, with another " + field +
                  "; change that domain, or remove it first.",
              id);
}

// From the installation outwards: what exists decides, what is named has to agree
// with it, and what neither exists nor is named is made up.
bool BatchPlan::settle_tenant(const DomainDraft& draft, const DraftFacts& facts,
                              PlannedDomain& out) {
  Owner owner;
  const auto text = [&facts](Fact f) { return facts[f].value_or(""); };
  const auto agrees = [&](const char* field, const std::string& given, const std::string& is,
                          const std::string& of) {
    if (given.empty() || is.empty() || given == is) return true;
    return fail(
        BookResult::invalid, field,
        of + " has the " + field + " " + is + ", not " + given + "; correct or leave it out.");
  };
  const auto agrees_all = [&](const std::string& of) {
    return agrees("module", draft.module, owner.module, of) &&
           agrees("site", draft.site, owner.site, of) &&
           agrees("client", draft.client, owner.client, of) &&
           agrees("agency", draft.agency, owner.agency, of);
  };
  const auto known = [](const auto& table, const std::string& id, Owner& to) {
    const auto found = table.find(id);
    if (id.empty() || found == table.end()) return false;
    to = found->second;
    return true;
  };
  out.make_installation = out.make_site = out.make_client = false;
  if (facts[Fact::installation]) {
    out.installation = text(Fact::installation);
    owner = {text(Fact::module), text(Fact::site), text(Fact::client), text(Fact::agency)};
    if (!agrees("installation", draft.installation, out.installation,
                "module " + owner.module + " of site " + owner.site) ||
        !agrees_all("installation " + out.installation))
      return false;
  } else if (known(installations_, draft.installation, owner)) {
    out.installation = draft.installation;
    if (!agrees_all("installation " + out.installation)) return false;
  } else {
    out.make_installation = true;
    out.installation = draft.installation.empty() ? new_id_() : draft.installation;
    if (facts[Fact::site]) {
      owner = {{}, text(Fact::site), text(Fact::client), text(Fact::agency)};
      if (!agrees_all("site " + owner.site)) return false;
    } else if (known(sites_, draft.site, owner)) {
      if (!agrees_all("site " + owner.site)) return false;
    } else {
      out.make_site = true;
      owner.site = draft.site.empty() ? new_id_() : draft.site;
      if (facts[Fact::client]) {
        owner.client = text(Fact::client);
        owner.agency = text(Fact::agency);
        if (!agrees_all("client " + owner.client)) return false;
      } else if (Owner of_client; known(clients_, draft.client, of_client)) {
        owner.client = draft.client;
        owner.agency = of_client.agency;
        if (!agrees_all("client " + owner.client)) return false;
      } else {
        out.make_client = true;
        owner.client = draft.client.empty() ? new_id_() : draft.client;
        owner.agency = draft.agency.empty() ? new_id_() : draft.agency;
        out.make_agency = !facts[Fact::agency] && !agencies_.contains(owner.agency);
      }
    }
    owner.module = draft.module.empty() ? new_id_() : draft.module;
  }
  out.module = owner.module;
  out.site = owner.site;
  out.client = owner.client;
  out.agency = owner.agency;
  // Made by a draft before: a module is installed once on a site.
  if (const auto made = pairs_.find({owner.site, owner.module});
      out.make_installation && made != pairs_.end()) {
    if (!agrees("installation", draft.installation, made->second,
                "module " + owner.module + " of site " + owner.site))
      return false;
    out.installation = made->second;
    out.make_installation = false;
  }
  if (out.make_agency) agencies_.insert(out.agency);
  if (out.make_client) clients_[out.client] = {{}, {}, out.client, out.agency};
  if (out.make_site) sites_[out.site] = {{}, out.site, out.client, out.agency};
  if (out.make_installation) {
    installations_[out.installation] = owner;
    pairs_[{owner.site, owner.module}] = out.installation;
  }
  return true;
}

void BatchPlan::add(const DomainDraft& draft, const DraftFacts& facts) {
  answers_.push_back({BookResult::done, {}, {}, {}});
  if (!name_is_free(draft, facts)) return;
  PlannedDomain out;
  if (!settle_tenant(draft, facts, out)) return;
  out.draft = answers_.size() - 1;
  out.id = new_id_();
  out.host = draft.host;
  out.status = status_of(draft);
  out.config = draft.config;
  out.white_label = draft.white_label;
  out.vouched = draft.vouched;
  answers_.back().id = out.id;
  names_[draft.host] = {out.id, draft};
  domains_.push_back(std::move(out));
}

}  // namespace marquee::store
