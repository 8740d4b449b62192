#include "proxy/answers/cache_rule.hpp"

#include <algorithm>
#include <array>

#include "proxy/branding/branded_head.hpp"

namespace marquee::proxy {
namespace {

constexpr std::array<unsigned, 7> kKept{200, 203, 204, 301, 308, 404, 410};

bool has(const http::FieldTable& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const http::Field& f) { return http::iequals(f.name, name); });
}

bool is_private(const http::ResponseHead& response) {
  for (const std::string_view word : {"private", "no-store", "no-cache"})
    if (lists(response.fields, "cache-control", word)) return true;
  for (const std::string_view name : {"*", "cookie", "authorization"})
    if (lists(response.fields, "vary", name)) return true;
  return has(response.fields, "set-cookie");
}

}  // namespace

Caching caching_of(const CacheRule& rule, const http::RequestHead& request,
                   const http::ResponseHead& response) {
  if (!rule.ttl) return Caching::untouched;
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (!reads || std::find(kKept.begin(), kKept.end(), response.status) == kKept.end())
    return Caching::untouched;
  if (is_private(response)) return Caching::untouched;
  if (rule.ttl->count() == 0) return Caching::none;
  if (has(request.fields, "authorization") || has(request.fields, "cookie"))
    return Caching::untouched;
  return Caching::shared;
}

bool may_cache_api(std::chrono::seconds ttl, const http::RequestHead& request,
                   const http::ResponseHead& response) {
  if (ttl.count() <= 0 || response.status != 200 || has(request.fields, "x-api-key") ||
      has(request.fields, "x-embed-token"))
    return false;
  return caching_of({ttl, false}, request, response) == Caching::shared;
}

}  // namespace marquee::proxy
