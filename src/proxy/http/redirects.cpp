#include "proxy/http/redirects.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace marquee::proxy {
namespace {

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == ':' || c == '[' || c == ']';
}

bool is_target_char(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u > 0x20 && u != 0x7F && c != '#';
}

// ':' only within brackets, else it would begin a port.
bool is_host(std::string_view host) {
  if (host.empty() || !std::all_of(host.begin(), host.end(), is_host_char)) return false;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string_view inner = brackets ? host.substr(1, host.size() - 2) : host;
  return inner.find_first_of(brackets ? "[]" : "[]:") == std::string_view::npos;
}

}  // namespace

unsigned redirect_status(std::string_view method) {
  return method == "GET" || method == "HEAD" ? 301 : 308;
}

std::string_view write_location(const RedirectTarget& to, std::span<char> buffer) {
  const std::string_view target = to.target.empty() || to.target == "*" ? "/" : to.target;
  if (!is_host(to.host) || target.front() != '/' ||
      !std::all_of(target.begin(), target.end(), is_target_char)) {
    return {};
  }
  if (buffer.size() < location_size(to)) return {};
  char* at = buffer.data();
  const auto add = [&](std::string_view s) {
    std::memcpy(at, s.data(), s.size());
    at += s.size();
  };
  add(to.https ? "https://" : "http://");
  add(to.host);
  if (to.port != 0 && to.port != (to.https ? 443 : 80)) {
    *at++ = ':';
    at = std::to_chars(at, buffer.data() + buffer.size(), to.port).ptr;
  }
  add(target);
  return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

}  // namespace marquee::proxy
