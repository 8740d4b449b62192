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

// Shared only: GET or HEAD, without Authorization or Cookie, answered by 200, 203, 204,
// 301, 308, 404 or 410 without Set-Cookie, not varying by *, Cookie or Authorization,
// and nothing of private, no-store or no-cache said.
Caching caching_of(const CacheRule& rule, const http::RequestHead& request,
                   const http::ResponseHead& response);

// The same with less: an answer of a module's API is kept only if it is a 200, and was
// asked for without any kind of credential.
bool may_cache_api(std::chrono::seconds ttl, const http::RequestHead& request,
                   const http::ResponseHead& response);

}  // namespace marquee::proxy
