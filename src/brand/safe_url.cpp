#include "brand/safe_url.hpp"

#include <algorithm>

#include "brand/html_token.hpp"

namespace marquee::brand {
namespace {

constexpr std::string_view kHttps = "https://";

bool host_byte(char c) {
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

// host [:port], behind the scheme; IPv6 literals are no customer's address.
bool valid_authority(std::string_view s) {
  const std::size_t colon = std::min(s.find(':'), s.size());
  const std::string_view host = s.substr(0, colon);
  const std::string_view port = s.substr(std::min(colon + 1, s.size()));
  if (host.empty() || host.size() > 253 || port.size() > 5) return false;
  return std::all_of(host.begin(), host.end(), host_byte) &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::string> safe_url(std::string_view url) {
  if (url.empty() || url.size() > kMaxUrl) return std::nullopt;
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '\\') return std::nullopt;
  if (url.front() == '/') {
    if (url.size() > 1 && url[1] == '/') return std::nullopt;
  } else {
    if (!equal_ignoring_case(url.substr(0, kHttps.size()), kHttps)) return std::nullopt;
    const std::string_view rest = url.substr(kHttps.size());
    if (!valid_authority(rest.substr(0, rest.find_first_of("/?#")))) return std::nullopt;
  }
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : url) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(hex[byte >> 4]);
      out.push_back(hex[byte & 15U]);
    }
  }
  return out;
}

std::string_view url_host(std::string_view safe_url) {
  if (safe_url.empty() || safe_url.front() == '/') return {};
  const std::string_view rest = safe_url.substr(kHttps.size());
  return rest.substr(0, rest.find_first_of(":/?#"));
}

}  // namespace marquee::brand
