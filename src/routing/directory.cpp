#include "routing/directory.hpp"

namespace marquee::routing {
namespace {

bool is_below(std::string_view host, std::string_view base) {
  if (base.empty() || !host.ends_with(base)) return false;
  return host.size() == base.size() || host[host.size() - base.size() - 1] == '.';
}

}  // namespace

LookupKeys keys_of(const base::Hostname& host, std::string_view sites_base) {
  LookupKeys keys{host, {}, {}, {}, is_below(host.text(), sites_base)};
  if (keys.below_base) {
    if (host.parent() == sites_base) keys.site_label = host.first_label();
    return keys;
  }
  keys.twin = host.www_twin();
  keys.wildcard = host.parent();
  // *.com and single labels are no wildcards (base::parse_wildcard).
  if (keys.wildcard.find('.') == std::string::npos && keys.wildcard != "localhost")
    keys.wildcard.clear();
  return keys;
}

}  // namespace marquee::routing
