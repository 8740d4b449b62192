// Whether an answer may be kept by caches that all visitors share, as the owner of a
// domain wishes by config.cache_ttl (platform contract R13). Pure.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "proxy/http/head.hpp"

namespace marquee::proxy {

struct CacheRule {
  std::optional<std::chrono::seconds> ttl;  // none: the upstream's word stands
  bool cdn = false;                         // also CDN-Cache-Control, Surrogate-Control
};

enum class Caching : std::uint8_t {
  untouched,  // the upstream's word stands
  shared,     // public, for the rule's time
  none,       // the owner wants no caching
};

// Who may have the answer. A cache in front asks nobody: what only some may have must
// not lie there for all.
enum class Audience : std::uint8_t {
  everybody,
  some,  // the caller was found out, or a rule, a network list or a password let it in
};

// Shared only: for everybody, GET or HEAD without a credential (Authorization, Cookie,
// Proxy-Authorization, X-API-Key, X-Embed-Token), answered by 200, 203 or 204 without
// Set-Cookie, not varying by *, Cookie or Authorization, nothing of private, no-store or
// no-cache said, no Expires and no Pragma: no-cache.
Caching caching_of(const CacheRule& rule, const http::RequestHead& request,
                   const http::ResponseHead& response, Audience audience);

// The same with less: an answer of a module's API is kept only if it is a 200.
bool may_cache_api(std::chrono::seconds ttl, const http::RequestHead& request,
                   const http::ResponseHead& response, Audience audience);

}  // namespace marquee::proxy
