// Names of the platform in the fields of an answer become the visitor's own: the
// upstream writes addresses as it knows itself, which is neither the host that the
// visitor uses nor the path. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::proxy {

// Of whom an address may speak, and what it becomes.
struct Visitor {
  std::string_view origin;  // "https://shop.example.com:8443"
  std::string_view prefix;  // of the upstream's paths for this domain: "/module-render/ID", or ""
};

class HostRewriter {
 public:
  // `hosts`: lower case, "*.name" for all below. `only_own_paths`: addresses outside
  // of the prefix stay.
  HostRewriter(std::vector<std::string> hosts, bool only_own_paths)
      : hosts_(std::move(hosts)), only_own_paths_(only_own_paths) {}

  // Each: the new value, or nothing where the old one stays.
  std::optional<std::string> url(std::string_view value, const Visitor& visitor) const;
  std::optional<std::string> refresh(std::string_view value, const Visitor& visitor) const;
  std::optional<std::string> link(std::string_view value, const Visitor& visitor) const;
  // A Domain of the platform goes, and the cookie is the visitor's host's alone
  // (RFC 6265 5.3); a Path below the prefix is shortened.
  std::optional<std::string> set_cookie(std::string_view value, const Visitor& visitor) const;

  bool is_platform(std::string_view host) const;

 private:
  bool covers_platform(std::string_view cookie_domain) const;

  std::vector<std::string> hosts_;
  bool only_own_paths_;
};

}  // namespace marquee::proxy
