// Which site, and which module of it, a request says it is for: read in one place and by
// one rule, so that no gate judges another site than the next one serves. Claims; what
// they are worth is for the gates to find out.
#pragma once
#include "identity/tenancy.hpp"
#include "proxy/http/head.hpp"
#include "proxy/policy/module_path.hpp"

namespace marquee::proxy {

class Exchange;

// Of a request to a host that is no tenant's (identity::claimed_site).
identity::SiteClaim site_claim(const http::RequestHead& request);

struct ModuleClaim {
  // Ids that the request says are in their canonical form; those of the domain as they
  // stand there. On app hosts `site` is site_claim()'s.
  policy::ModuleRoute route;
  bool contradictory = false;  // on app hosts: names more than one site
};
ModuleClaim module_claim(const Exchange& exchange);

// Whose page a path below /embed is, "/embed/<module>/<site>" (platform contract D20).
struct EmbedClaim {
  std::string module;  // empty: the path is none, or cannot be read
  std::string site;
  bool unreadable = false;  // servers could read the path in different ways
};
EmbedClaim embed_claim(std::string_view target);

}  // namespace marquee::proxy
