// Which module of which site a request is for: by its host, and on hosts that are not
// one module's by the path "/api/modules/<module>/api/..." (platform contract 2.7).
// Pure.
#pragma once
#include <string>
#include <string_view>

namespace marquee::proxy::policy {

struct ModuleHost {
  bool app = false;         // the platform's own host: the request names the site
  std::string_view module;  // of a module's domain; empty: none
  std::string_view site;
};

struct ModuleRoute {
  std::string module;  // empty: for no module
  std::string site;    // on app hosts what `site_id` of the query says: a claim
  bool api = false;    // below "/api"
  // Some server may read the path as one below "/api/modules/<module>/api" that is not
  // written so, or it names another module than the host's own, or the path is
  // ambiguous: nothing may be decided by it, also not that it is none of a module's API.
  bool unclear = false;
  // Within the module's API, as its routes are written: "/contacts/1"; empty: the
  // path is not "/api/modules/<module>/api/...", or `unclear`.
  std::string path;
  bool escaped = false;  // `path` came with escapes, which a server may compare
};

ModuleRoute module_of(std::string_view target, const ModuleHost& host);

}  // namespace marquee::proxy::policy
