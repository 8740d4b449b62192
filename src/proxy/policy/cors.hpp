// Which origins may call a module of a site, and which may frame it: decided from
// the verified rows of (site, module) (platform contract 1.8, 2.6, R20, R21). Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "identity/tenant_directory.hpp"

namespace marquee::proxy::policy {

// Tuple origins of RFC 6454 6.2; "null", paths, user info and several origins are
// none.
struct Origin {
  bool https = false;
  std::string_view host;  // lower case as browsers send it; else it is no origin
  std::string_view port;  // empty: the scheme's own
};
std::optional<Origin> parse_origin(std::string_view text);

// "example.com", or "*.example.com" for it and every name below (as the platform
// reads it). A wildcard over what many owners share ("*.com", "*.co.uk",
// "*.github.io") covers nothing.
bool covers(std::string_view pattern, std::string_view host);

enum class OriginVerdict : std::uint8_t {
  none,         // no Origin: not a cross-origin request of a browser
  same_origin,  // the host's own page
  allowed,
  refused,
};
// `origins`: the values of all Origin fields. Only https origins on their own port:
// what comes by http anybody on the way could have written.
OriginVerdict judge_origin(std::span<const std::string_view> origins, std::string_view host,
                           bool secure, std::span<const identity::AllowedOrigin> rows);

// The row that allowed an origin; null: none did.
const identity::AllowedOrigin* allowing_row(std::string_view origin,
                                            std::span<const identity::AllowedOrigin> rows);

// RFC-less, as the Fetch standard defines it: OPTIONS with Origin and
// Access-Control-Request-Method.
inline constexpr std::string_view kCorsMethods = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
inline constexpr std::string_view kCorsFields =
    "Content-Type, Authorization, X-API-Key, X-Site-Id, X-Request-ID";
inline constexpr std::string_view kCorsExposed =
    "X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After";
inline constexpr std::string_view kCorsMaxAge = "7200";  // what browsers honour at most

// The value of frame-ancestors (CSP 3, 6.4.2): 'self' and the verified origins that
// may embed, at most 64 and 4 KiB.
std::string frame_ancestors(std::span<const identity::AllowedOrigin> rows);

}  // namespace marquee::proxy::policy
