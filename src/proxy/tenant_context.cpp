#include "proxy/tenant_context.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include "identity/context_token.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::proxy {

namespace {

struct OwnedModule {
  std::string module, installation, site, agency;
  explicit OwnedModule(const ServedModule& m)
      : module(m.module), installation(m.installation), site(m.site), agency(m.agency) {}
  bool is(const ServedModule& m) const {
    return module == m.module && installation == m.installation && site == m.site &&
           agency == m.agency;
  }
};

}  // namespace

struct TenantContext::Entry {
  std::uint64_t plan = 0;  // serial
  std::int64_t from = 0;   // of the present block, Unix seconds
  std::int64_t until = 0;
  std::string host;
  std::unique_ptr<const identity::Caller> caller;
  std::unique_ptr<const OwnedModule> module;
  Block fields;
  std::string_view token;  // within `fields`

  bool is(std::uint64_t serial, std::string_view name, const identity::Caller* who,
          const ServedModule* served) const {
    return plan == serial && host == name && (who ? caller && *caller == *who : !caller) &&
           (served ? module && module->is(*served) : !module);
  }
};

namespace {

constexpr std::string_view kToken = "x-tenant-context";
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

// Its ends and its length tell hosts apart well enough: those that collide cost a
// place in a set of four.
std::uint64_t hash_of(std::uint64_t serial, std::string_view host, const identity::Caller* caller,
                      const ServedModule* module) {
  std::uint64_t head = 0, tail = 0;
  if (host.size() >= sizeof head) {
    std::memcpy(&head, host.data(), sizeof head);
    std::memcpy(&tail, host.data() + host.size() - sizeof tail, sizeof tail);
  } else {
    std::memcpy(&head, host.data(), host.size());
  }
  std::uint64_t h = (serial + host.size()) * 0x9e3779b97f4a7c15u;
  h = (h ^ head) * 0xff51afd7ed558ccdu;
  h = (h ^ (h >> 32) ^ tail) * 0xc4ceb9fe1a85ec53u;
  if (caller) {
    std::memcpy(&head, caller->digest.data(), sizeof head);
    h ^= head;
  }
  if (module) h ^= std::hash<std::string_view>{}(module->installation);
  return h ^ (h >> 32);
}

// What the domain says, or else the module that was found, or else the caller.
identity::ContextSubject subject_of(const routing::Domain& domain, const OwnedModule* module,
                                    const identity::Caller* caller, std::string_view host) {
  identity::ContextSubject out{domain.module.text(), domain.installation.text(),
                               domain.agency.text(), domain.client.text(),
                               domain.site.text(),   host};
  const auto fill = [](std::string_view& claim, const std::string& value) {
    if (claim.empty()) claim = value;
  };
  if (module) {
    fill(out.module, module->module);
    fill(out.installation, module->installation);
    fill(out.agency, module->agency);
    fill(out.site, module->site);
  }
  if (caller) {
    fill(out.agency, caller->agency);
    fill(out.site, caller->site);
  }
  return out;
}

// The plain fields of the same, but for those that stand in the domain's plan.
void add_fields(FieldBlock& block, const routing::Domain& domain,
                const identity::ContextSubject& subject, const identity::Caller* caller) {
  const auto add = [&block](std::string_view name, std::string_view value) {
    if (!value.empty()) block.add(name, value);
  };
  if (!domain.module.present()) add("x-module-id", subject.module);
  if (!domain.installation.present()) add("x-site-module-installation-id", subject.installation);
  if (!domain.agency.present()) add("x-tenant-agency-id", subject.agency);
  if (!domain.site.present()) {
    add("x-tenant-site-id", subject.site);
    add("x-site-id", subject.site);
  }
  if (!caller) return;
  add("x-tenant-user-id", caller->user);
  add("x-tenant-role", caller->role);
}

}  // namespace

TenantContext::TenantContext(std::size_t sets)
    : keys_(std::make_shared<identity::KeyRing>()), sets_(std::bit_ceil(sets)) {}
TenantContext::~TenantContext() = default;

void TenantContext::install(std::shared_ptr<const identity::KeyRing> keys) {
  if (!identity::same_keys(*keys, *keys_))
    for (Set& set : sets_)
      for (auto& entry : set) entry.reset();
  keys_ = std::move(keys);
}

const TenantContext::Block& TenantContext::fields(const DomainPlan& plan, std::string_view host,
                                                  const identity::Caller* caller,
                                                  const config::Context& settings, std::int64_t now,
                                                  const ServedModule* module) {
  return entry(plan, host, caller, module, settings, now).fields;
}

std::string_view TenantContext::token(const DomainPlan& plan, std::string_view host,
                                      const identity::Caller* caller,
                                      const config::Context& settings, std::int64_t now,
                                      const ServedModule* module) {
  return entry(plan, host, caller, module, settings, now).token;
}

TenantContext::Entry& TenantContext::entry(const DomainPlan& plan, std::string_view host,
                                           const identity::Caller* caller,
                                           const ServedModule* module,
                                           const config::Context& settings, std::int64_t now) {
  Set& set = sets_[hash_of(plan.serial, host, caller, module) & (sets_.size() - 1)];
  std::unique_ptr<Entry>* place = nullptr;
  for (auto& e : set) {
    if (e && e->is(plan.serial, host, caller, module)) {
      // Also when the clock was set back: nothing from the future is sent.
      if (now >= e->from && now < e->until) return *e;
      place = &e;
      break;
    }
    if (!place || (*place && (!e || e->from < (*place)->from))) place = &e;
  }
  auto fresh = std::make_unique<Entry>();
  fresh->plan = plan.serial;
  fresh->host = host;
  if (caller) fresh->caller = std::make_unique<const identity::Caller>(*caller);
  if (module) fresh->module = std::make_unique<const OwnedModule>(*module);
  mint(*fresh, plan, settings, now);
  *place = std::move(fresh);
  return **place;
}

void TenantContext::mint(Entry& entry, const DomainPlan& plan, const config::Context& settings,
                         std::int64_t now) {
  const routing::Domain& domain = *plan.domain;
  const identity::Caller* caller = entry.caller.get();
  auto block = std::make_shared<FieldBlock>();
  block->add("x-custom-domain", entry.host);
  const identity::ContextSubject subject =
      subject_of(domain, entry.module.get(), caller, entry.host);
  add_fields(*block, domain, subject, caller);
  entry.from = now;
  entry.until = kForever;
  if (settings.enabled && (caller || !subject.empty())) {
    const auto times = identity::context_times(now, settings.lifetime.count() / 1000, caller);
    const identity::SigningKey* key = keys_->signer(now);
    std::optional<std::string> token;
    if (times && key) token = mint_context(*key, *settings.issuer, subject, caller, *times);
    entry.until = token ? times->renew_at : now + 1;
    ++(token ? counts_.minted : counts_.failed);
    if (told_) told_(token.has_value());
    if (token) {
      block->add(kToken, *token);
      entry.token = block->fields().back().second;
    }
  }
  entry.fields = std::move(block);
}

}  // namespace marquee::proxy
