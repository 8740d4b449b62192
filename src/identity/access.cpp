#include "identity/access.hpp"

#include <algorithm>

#include "base/uuid.hpp"
#include "identity/stored_proof.hpp"

namespace marquee::identity {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// An exact scope, or "*". Not prefixes: the platform's two readings of "read:*"
// differ (contract 2.7), and the narrower one is right for both.
// In API mode "admin" covers all, too.
bool has_scope(const Proof& proof, std::string_view wanted) {
  return std::any_of(proof.scopes.begin(), proof.scopes.end(), [&](const std::string& s) {
    return s == "*" || s == wanted || (proof.kind == Credential::consumer && s == "admin");
  });
}

AccessResult judge_consumer(const Proof& proof, const TenantOfRequest& tenant) {
  if (!endpoint_fits(proof.endpoints, tenant.method, tenant.path)) return AccessResult::endpoint;
  if (!tenant.method_scope.empty() && !has_scope(proof, tenant.method_scope))
    return AccessResult::scope;
  return AccessResult::granted;
}

enum class Match : std::uint8_t { not_said, same, other };

Match match(std::string_view claimed, std::string_view own, routing::HostClass host) {
  if (claimed.empty()) return Match::not_said;
  // An app host is no tenant's: whose it is there, membership says.
  if (own.empty() && host == routing::HostClass::app) return Match::not_said;
  return base::same_id(claimed, own) ? Match::same : Match::other;
}

// An embed token opens its own embed; where the path does not say which, the host
// must.
bool embed_fits(const Proof& proof, const TenantOfRequest& tenant) {
  if (tenant.embed_site.empty()) return tenant.host != routing::HostClass::app;
  return proof.caller.site == tenant.embed_site && proof.module == tenant.embed_module;
}

}  // namespace

std::string_view name(AccessResult result) {
  constexpr std::string_view names[] = {
      "granted", "anonymous", "missing",  "invalid", "expired",        "wrong_tenant", "scope",
      "origin",  "address",   "endpoint", "flood",   "ambiguous_path", "unavailable",  "refused"};
  const auto i = static_cast<std::size_t>(result);
  return i < std::size(names) ? names[i] : std::string_view();
}

AccessResult judge(const Proof& proof, const AccessRule& rule, const TenantOfRequest& tenant) {
  if (proof.result != AccessResult::granted) return proof.result;
  const Match agency = match(proof.caller.agency, tenant.agency, tenant.host);
  const Match site = match(proof.caller.site, tenant.site, tenant.host);
  const Match module = match(proof.module, tenant.module, tenant.host);
  if (agency == Match::other || site == Match::other || module == Match::other)
    return AccessResult::wrong_tenant;
  const bool named = agency == Match::same || site == Match::same;
  if (!named && rule.tenant && tenant.host != routing::HostClass::app)
    return AccessResult::wrong_tenant;
  if (proof.kind == Credential::embed && !embed_fits(proof, tenant))
    return AccessResult::wrong_tenant;
  if (!proof.addresses.empty() && (!tenant.client || !proof.addresses.contains(*tenant.client)))
    return AccessResult::address;
  if (!proof.origins.empty() && !origin_fits(proof.origins, tenant.origin))
    return AccessResult::origin;
  for (const std::string& wanted : rule.scopes)
    if (!has_scope(proof, wanted)) return AccessResult::scope;
  return proof.kind == Credential::consumer ? judge_consumer(proof, tenant) : AccessResult::granted;
}

bool counts_as_wrong(const Proof& proof) {
  return proof.result == AccessResult::invalid ||
         (proof.result == AccessResult::expired && !proof.genuine);
}

std::shared_ptr<const Caller> caller_for(const Proof& proof, const TenantOfRequest& tenant) {
  auto out = std::make_shared<Caller>(proof.caller);
  out->scopes = proof.scopes;
  out->scoped = proof.scoped;
  const bool of_agency = !tenant.agency.empty() && base::same_id(out->agency, tenant.agency);
  const bool of_site = !tenant.site.empty() && base::same_id(out->site, tenant.site);
  out->agency = of_agency || of_site ? tenant.agency : std::string_view();
  out->site = of_site ? tenant.site : std::string_view();
  return out;
}

Proof proof_of(const TokenVerdict& verdict, const std::array<std::uint8_t, 32>& digest) {
  Proof out;
  out.kind = Credential::jwt;
  out.fault = verdict.fault;
  if (verdict.fault != TokenFault::none) {
    out.result =
        verdict.fault == TokenFault::expired ? AccessResult::expired : AccessResult::invalid;
    return out;
  }
  const Token& token = verdict.token;
  out.result = AccessResult::granted;
  out.caller.auth = AuthType::jwt;
  out.caller.user = token.user;
  out.caller.role = token.role;
  out.caller.agency = token.agency;
  out.caller.site = token.site;
  out.caller.digest = digest;
  out.caller.expires_at = std::chrono::sys_seconds(std::chrono::seconds(token.expires));
  out.caller.bound_agency = token.agency;
  out.caller.bound_site = token.site;
  out.caller.bound_module = token.module;
  out.module = token.module;
  out.scopes = token.scopes;
  out.scoped = token.scoped;
  return out;
}

AccessAnswer answer_of(AccessResult result, const AccessRule* rule) {
  const bool bearer = !rule || rule->accepts(Credential::jwt) ||
                      rule->accepts(Credential::api_key) || rule->accepts(Credential::consumer);
  switch (result) {
    case AccessResult::granted:
    case AccessResult::anonymous:
    case AccessResult::count_:
      return {};
    case AccessResult::missing:
      return {401, R"({"error":"Unauthorized","code":"AUTH_REQUIRED"})", bearer ? "Bearer" : ""};
    case AccessResult::invalid:
      return {401, R"({"error":"Invalid credentials","code":"AUTH_REQUIRED"})",
              bearer ? R"(Bearer error="invalid_token")" : ""};
    case AccessResult::expired:
      return {401, R"({"error":"Credentials have expired","code":"AUTH_REQUIRED"})",
              bearer ? R"(Bearer error="invalid_token", error_description="expired")" : ""};
    case AccessResult::wrong_tenant:
      return {403, R"({"error":"Access denied to this site","code":"SITE_ACCESS_DENIED"})", ""};
    case AccessResult::scope: {
      // Scopes of the settings hold neither quotes nor backslashes' meaning here:
      // they are visible ASCII, and those two are left out.
      std::string wanted;
      for (const std::string& s : rule ? rule->scopes : std::vector<std::string>()) {
        if (s.find_first_of("\"\\") != s.npos) continue;
        wanted.append(wanted.empty() ? "" : " ").append(s);
      }
      return {403, R"({"error":"Insufficient scope","code":"INSUFFICIENT_SCOPE"})",
              R"(Bearer error="insufficient_scope", scope=")" + wanted + '"'};
    }
    case AccessResult::origin:
      return {403, R"({"error":"Origin not allowed","code":"ORIGIN_DENIED"})", ""};
    case AccessResult::address:
      return {403, R"({"error":"Address not allowed","code":"ADDRESS_DENIED"})", ""};
    case AccessResult::endpoint:
      return {403, R"({"error":"Endpoint not allowed","code":"ENDPOINT_DENIED"})", ""};
    case AccessResult::flood:
      return {429, R"({"error":"Too many wrong credentials","code":"RATE_LIMITED"})", ""};
    case AccessResult::ambiguous_path:
      return {400, R"({"error":"Ambiguous path","code":"BAD_REQUEST"})", ""};
    case AccessResult::unavailable:
      return {503, R"({"error":"Authentication is unavailable","code":"AUTH_UNAVAILABLE"})", ""};
    case AccessResult::refused:
      return {403, R"({"error":"Access denied","code":"ACCESS_DENIED"})", ""};
  }
  return {};
}

std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()) return {};
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if (lower(authorization[i]) != scheme[i]) return {};
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

std::string_view cookie_of(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const std::size_t end = std::min(cookies.find(';'), cookies.size());
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      pair.remove_prefix(name.size() + 1);
      if (pair.size() >= 2 && pair.front() == '"' && pair.back() == '"')
        pair = pair.substr(1, pair.size() - 2);
      return pair;
    }
  }
  return {};
}

}  // namespace marquee::identity
