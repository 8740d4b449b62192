// What a checked proof is worth for one request: the tenant's match, scopes, and
// what the client is told. Pure.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "identity/access_policy.hpp"
#include "identity/caller.hpp"
#include "identity/token.hpp"

namespace marquee::identity {

enum class AccessResult : std::uint8_t {
  granted,
  anonymous,       // nothing was shown, and nothing has to be
  missing,         // nothing was shown: 401
  invalid,         // not what it pretends to be: 401
  expired,         // 401
  wrong_tenant,    // good, but of another agency, site or module: 403
  scope,           // good, but for less than this: 403
  origin,          // good, but not from here (an API key's or embed's own list): 403
  address,         // likewise, by the client's address: 403
  endpoint,        // good, but not for this path and method (a consumer's own list): 403
  flood,           // this client showed too many that were wrong: 429
  ambiguous_path,  // 400
  unavailable,     // it cannot be checked now: 503
  refused,         // by the server that was asked (forward): its own answer
  count_,
};
std::string_view name(AccessResult result);

// A proof after its check, as it is remembered. It holds for every request that
// shows the same bytes; what differs by request is judge()'s.
struct Proof {
  Credential kind = Credential::jwt;
  AccessResult result = AccessResult::invalid;  // granted, invalid, expired or unavailable
  TokenFault fault = TokenFault::none;          // why it is invalid, of a JWT
  bool genuine = true;  // with expired: known to have been good, not only by its own word
  Caller caller;        // with granted; agency and site as it claims
  std::string module;   // that it is for; empty: any
  std::vector<std::string> scopes;
  bool scoped = false;               // false: it does not speak of scopes at all
  base::CidrList addresses;          // that it may come from; empty: any
  std::vector<std::string> origins;  // of pages that may show it; empty: any
  // Of a consumer: what it may ask for (stored_proof, endpoint_fits); empty: nothing.
  std::vector<std::string> endpoints;
};

// Whose request it is, and from where.
struct TenantOfRequest {
  std::string_view agency{};
  std::string_view site{};
  std::string_view module{};
  routing::HostClass host = routing::HostClass::custom;
  const base::IpAddress* client = nullptr;  // null: not known
  std::string_view origin{};                // of the page that asks; empty: not said
  // Of a path below /embed: whose embed it is. Embed tokens are for one only.
  std::string_view embed_module{};
  std::string_view embed_site{};
  // Of consumers: which endpoint it is, and the scope that its method asks for, where
  // no route of the module says what it needs; empty: none.
  std::string_view method{};
  std::string_view path{};
  std::string_view method_scope{};
};

AccessResult judge(const Proof& proof, const AccessRule& rule, const TenantOfRequest& tenant);

// Anybody can make such a one without end: whoever shows many is shut out.
bool counts_as_wrong(const Proof& proof);

// `agency` and `site` are the domain's where the proof is of that tenant, else empty.
std::shared_ptr<const Caller> caller_for(const Proof& proof, const TenantOfRequest& tenant);

// A proof of a token's claims.
Proof proof_of(const TokenVerdict& verdict, const std::array<std::uint8_t, 32>& digest);

// What the client gets, in the platform's shape (contract 2.8); status 0: it passes.
struct AccessAnswer {
  unsigned status = 0;
  std::string body;       // JSON
  std::string challenge;  // WWW-Authenticate (RFC 6750 3), or ""
};
AccessAnswer answer_of(AccessResult result, const AccessRule* rule);

// A credential of an Authorization field: "Bearer x" (RFC 6750 2.1); empty: none.
std::string_view bearer_of(std::string_view authorization);
// One cookie of a Cookie field; empty: none. Of two with one name the first.
std::string_view cookie_of(std::string_view cookies, std::string_view name);

}  // namespace marquee::identity
