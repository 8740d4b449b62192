// Who may visit a domain at all: networks, and passwords (HTTP basic
// authentication, RFC 7617). Made once from settings that were checked. Pure.
#pragma once
#include <optional>

#include "base/ip.hpp"
#include "config/settings.hpp"

namespace marquee::proxy::policy {

class Visitors {
 public:
  explicit Visitors(const config::Visitors& settings);

  // By address alone. Nothing known of it (a Unix socket): only where nobody in
  // particular is allowed.
  bool admits(const std::optional<base::IpAddress>& client) const;

 private:
  base::CidrList allow_;
  base::CidrList deny_;
};

}  // namespace marquee::proxy::policy
