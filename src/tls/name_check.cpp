#include "tls/name_check.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace marquee::tls {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

bool is_ip_literal(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  const std::string terminated(text);
  unsigned char address[16];
  return inet_pton(AF_INET, terminated.c_str(), address) == 1 ||
         inet_pton(AF_INET6, terminated.c_str(), address) == 1;
}

bool covers(std::span<const std::string> names, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto dot = host.find('.');
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    if (same(name, host)) return true;
    if (!name.starts_with("*.") || host.starts_with("*.") || dot == 0 || dot == host.npos)
      return false;
    return same(name.substr(1), host.substr(dot));
  });
}

}  // namespace marquee::tls
