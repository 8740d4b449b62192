#include "proxy/answers/cache_rule.hpp"

#include <algorithm>
#include <array>

#include "proxy/branding/branded_head.hpp"

namespace marquee::proxy {
namespace {

constexpr std::array<unsigned, 3> kKept{200, 203, 204};
constexpr std::array<std::string_view, 3> kCaching{"cache-control", "cdn-cache-control",
                                                   "surrogate-control"};
constexpr std::array<std::string_view, 5> kCredentials{
    "authorization", "cookie", "proxy-authorization", "x-api-key", "x-embed-token"};

bool has(const http::FieldTable& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const http::Field& f) { return http::iequals(f.name, name); });
}

bool is_private(const http::ResponseHead& response) {
  for (const std::string_view name : kCaching)
    for (const std::string_view word : {"private", "no-store", "no-cache"})
      if (lists(response.fields, name, word)) return true;
  for (const std::string_view name : {"*", "cookie", "authorization"})
    if (lists(response.fields, "vary", name)) return true;
  return has(response.fields, "set-cookie");
}

// The words of HTTP/1.0, which say how long as well, or that it may not be kept.
bool says_by_1_0(const http::ResponseHead& response) {
  return has(response.fields, "expires") || lists(response.fields, "pragma", "no-cache");
}

// A field that our own gates took out (dropped) was still said.
bool shows_credential(const http::RequestHead& request) {
  return std::any_of(kCredentials.begin(), kCredentials.end(),
                     [&](std::string_view name) { return has(request.fields, name); });
}

}  // namespace

Caching caching_of(const CacheRule& rule, const http::RequestHead& request,
                   const http::ResponseHead& response, Audience audience) {
  if (!rule.ttl) return Caching::untouched;
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (!reads || is_private(response)) return Caching::untouched;
  if (rule.ttl->count() == 0) return Caching::none;
  if (audience == Audience::some || shows_credential(request) || says_by_1_0(response) ||
      std::find(kKept.begin(), kKept.end(), response.status) == kKept.end())
    return Caching::untouched;
  return Caching::shared;
}

bool may_cache_api(std::chrono::seconds ttl, const http::RequestHead& request,
                   const http::ResponseHead& response, Audience audience) {
  if (ttl.count() <= 0 || response.status != 200) return false;
  return caching_of({ttl, false}, request, response, audience) == Caching::shared;
}

}  // namespace marquee::proxy
