#include "routing/directory.hpp"

namespace marquee::routing {

LookupKeys keys_of(const base::Hostname& host, std::string_view sites_base) {
  LookupKeys keys{host, host.www_twin(), std::string(host.parent()), {}};
  // *.com and single labels are no wildcards (base::parse_wildcard).
  if (keys.wildcard.find('.') == std::string::npos && keys.wildcard != "localhost")
    keys.wildcard.clear();
  if (!sites_base.empty() && host.parent() == sites_base) keys.site_label = host.first_label();
  return keys;
}

}  // namespace marquee::routing
