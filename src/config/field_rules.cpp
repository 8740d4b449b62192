#include "config/field_rules.hpp"

#include <algorithm>
#include <array>

#include "config/text.hpp"

namespace marquee::config {
namespace {

bool is_token(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

constexpr std::array<std::string_view, 8> kHop{"connection", "keep-alive",    "proxy-connection",
                                               "te",         "trailer",       "upgrade",
                                               "proxy",      "http2-settings"};
constexpr std::array<std::string_view, 4> kFraming{"content-length", "transfer-encoding", "host",
                                                   "expect"};
constexpr std::array<std::string_view, 9> kContext{
    "x-site-id",       "x-module-id", "x-site-module-installation-id",
    "x-custom-domain", "x-domain-id", "x-white-label",
    "x-request-start", "x-real-ip",   "forwarded"};
constexpr std::string_view kTenant = "x-tenant-";
constexpr std::array<std::string_view, 6> kOwnTenant{"x-tenant-agency-id", "x-tenant-client-id",
                                                     "x-tenant-site-id",   "x-tenant-user-id",
                                                     "x-tenant-role",      "x-tenant-context"};

template <std::size_t N>
bool in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool tenant_name_is_free(std::string_view lower, FieldTarget target) {
  return target == FieldTarget::upstream && lower.size() > kTenant.size() && !in(kOwnTenant, lower);
}

}  // namespace

std::string field_name_fault(std::string_view name, FieldTarget target) {
  if (!is_token(name))
    return "which is not a field name; write letters, digits and dashes, such as X-Frame-Options";
  if (name.size() > 128) return "which is longer than 128 bytes; write a shorter name";
  std::string lower = lower_case(name);
  std::replace(lower.begin(), lower.end(), '_', '-');
  if (in(kHop, lower))
    return "which belongs to one connection and is Marquee's own to write; remove it here";
  if (in(kFraming, lower))
    return "which frames the message and is Marquee's own to write; remove it here";
  if (in(kContext, lower) ||
      (lower.rfind(kTenant, 0) == 0 && !tenant_name_is_free(lower, target)) ||
      lower.rfind("x-forwarded-", 0) == 0) {
    return "which tells upstreams who asks and is Marquee's own to write; remove it here, or "
           "choose another name";
  }
  return {};
}

std::string field_value_fault(std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      return "which holds a control character; write a value of one line";
    }
  }
  if (value.size() > 8192) return "which is longer than 8 KiB; write a shorter value";
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (blank(value.front()) || blank(value.back()))) {
    return "which begins or ends with a space; remove the space";
  }
  return {};
}

}  // namespace marquee::config
