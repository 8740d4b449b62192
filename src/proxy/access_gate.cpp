#include "proxy/access_gate.hpp"

#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

using identity::AccessResult;
using identity::AccessRule;
using config::Credential;

// The value of the only field of that name. Two of them could be read in two ways:
// `twice` is set.
std::string_view only(const http::RequestHead& request, std::string_view name, bool& twice) {
  std::string_view value;
  bool found = false;
  for (const http::Field& f : request.fields) {
    if (f.dropped || f.name.size() != name.size() || !http::iequals(f.name, name)) continue;
    if (found) twice = true;
    found = true;
    value = f.value;
  }
  return value;
}

identity::TenantOfRequest tenant_of(const Exchange& exchange) {
  const routing::Domain& domain = *exchange.plan()->domain;
  return {domain.agency.text(), domain.site.text(), domain.module.text(), domain.host_class};
}

RefusalCause cause_of(AccessResult result) {
  switch (result) {
    case AccessResult::unavailable:
      return RefusalCause::access_unavailable;
    case AccessResult::missing:
    case AccessResult::invalid:
    case AccessResult::expired:
      return RefusalCause::unauthenticated;
    default:
      return RefusalCause::access_denied;
  }
}

AccessProof proof_kind(Credential kind) { return static_cast<AccessProof>(kind); }

}  // namespace

void AccessGate::install(const config::Settings& settings) {
  policy_ = identity::AccessPolicy(settings.access);
  cookie_ = settings.access.tokens.cookie;
  cache_.reset();
  if (!policy_.empty())
    cache_ = std::make_unique<identity::ProofCache>(settings.access.cache, settings.access.ttl,
                                                    settings.access.negative_ttl, seed_);
}

void AccessGate::set_issuers(std::shared_ptr<const identity::Issuers> issuers) {
  issuers_ = std::move(issuers);
  forget();
}

Gate::Verdict AccessGate::enter(Exchange& exchange, GateAnswer& answer) {
  if (policy_.empty()) return Verdict::pass;
  const http::RequestHead& request = exchange.request();
  const auto found = policy_.find(request.method_name, request.path,
                                  exchange.plan()->domain->host_class);
  if (found.ambiguous) {
    count(AccessProof::none, AccessResult::ambiguous_path);
    return refuse(AccessResult::ambiguous_path, found.rule, answer);
  }
  if (!found.rule) return Verdict::pass;
  const AccessRule& rule = *found.rule;
  const std::optional<Shown> shown = shown_by(exchange, rule);
  if (!shown) {
    const AccessResult result = rule.optional ? AccessResult::anonymous : AccessResult::missing;
    count(AccessProof::none, result);
    return rule.optional ? Verdict::pass : refuse(result, &rule, answer);
  }
  const identity::Digest digest = sha256_.of(shown->text);
  identity::ProofCache::Entry* entry = cache_->find(digest, turn_.now());
  if (!entry) entry = &check_token(shown->text, digest);
  return decide(exchange, rule, *entry, answer);
}

std::optional<AccessGate::Shown> AccessGate::shown_by(const Exchange& exchange,
                                                      const AccessRule& rule) const {
  const http::RequestHead& request = exchange.request();
  bool twice = false;
  const std::string_view authorization = only(request, "authorization", twice);
  // A field that stands there twice is a proof that cannot be good.
  if (twice) return Shown{Credential::jwt, {}};
  if (rule.accepts(Credential::jwt)) {
    if (const std::string_view token = identity::bearer_of(authorization); !token.empty())
      return Shown{Credential::jwt, token};
    if (!cookie_.empty() && authorization.empty()) {
      const std::string_view token =
          identity::cookie_of(only(request, "cookie", twice), cookie_);
      if (!token.empty()) return Shown{Credential::jwt, token};
    }
  }
  return std::nullopt;
}

identity::ProofCache::Entry& AccessGate::check_token(std::string_view token,
                                                     const identity::Digest& digest) {
  const identity::TokenVerdict verdict =
      identity::verify_token(token, *issuers_, wall_seconds());
  identity::Proof proof = identity::proof_of(verdict, digest);
  if (verdict.fault == identity::TokenFault::unknown_key && verdict.issuer < issuers_->size()) {
    // Without any key it is our own ignorance, not the token's fault.
    if ((*issuers_)[verdict.issuer].keys->empty()) proof.result = AccessResult::unavailable;
    if (key_missing_) key_missing_(verdict.issuer);
  }
  return cache_->put(digest, std::move(proof), turn_.now(), wall_seconds());
}

Gate::Verdict AccessGate::decide(Exchange& exchange, const AccessRule& rule,
                                 identity::ProofCache::Entry& entry, GateAnswer& answer) {
  const identity::TenantOfRequest tenant = tenant_of(exchange);
  const AccessResult result = identity::judge(entry.proof, rule, tenant);
  count(proof_kind(entry.proof.kind), result);
  if (result != AccessResult::granted) return refuse(result, &rule, answer);
  if (!entry.caller || entry.agency != tenant.agency || entry.site != tenant.site) {
    entry.caller = identity::caller_for(entry.proof, tenant);
    entry.agency = tenant.agency;
    entry.site = tenant.site;
  }
  exchange.set_caller(entry.caller);
  return Verdict::pass;
}

Gate::Verdict AccessGate::refuse(AccessResult result, const AccessRule* rule, GateAnswer& answer) {
  identity::AccessAnswer told = identity::answer_of(result, rule);
  answer.cause = cause_of(result);
  answer.content.status = told.status;
  answer.content.content_type = "application/json";
  answer.content.body = std::move(told.body);
  answer.content.fields.emplace_back("Cache-Control", "no-store");
  if (!told.challenge.empty())
    answer.content.fields.emplace_back("WWW-Authenticate", std::move(told.challenge));
  if (told.status == 503) answer.content.fields.emplace_back("Retry-After", "5");
  return Verdict::refuse;
}

}  // namespace marquee::proxy
