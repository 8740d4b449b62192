// What is asked of the directory's tables beside domains.
#include <memory>

#include "config/description.hpp"
#include "config/field_rules.hpp"

namespace marquee::config {
namespace {

std::string path_prefix_fault(std::string_view path) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/@:!$&'()*+,=";
  const bool fits = path.starts_with('/') && (path == "/" || !path.ends_with('/')) &&
                    path.size() <= 512 && path.find("//") == std::string_view::npos &&
                    path.find("/.") == std::string_view::npos;
  if (path == "none" || (fits && path.find_first_not_of(kAllowed) == std::string_view::npos))
    return {};
  return "which is not a path; write whole segments as they are after decoding, such as "
         "/api/admin, or none";
}

Section describe(ModuleUpstream& m) {
  return {
      {
          {"upstream", text(m.upstream), "Name of a pool under upstreams.", "", "", "crm", true},
      },
      nullptr,
      "upstream"};
}

}  // namespace

// The first one that is written takes the place of the default; none is an empty list.
Texts prefixes(std::vector<std::string>& field) {
  auto first = std::make_shared<bool>(true);
  return {[&field, first](std::string v, Mark) {
            if (*first) field.clear();
            *first = false;
            if (v != "none") field.push_back(std::move(v));
          },
          path_prefix_fault};
}

Section describe(Tenants& t) {
  const auto find = [&t](const std::string& name) -> const Mark* {
    for (const auto& m : t.modules)
      if (m.module == name) return &m.mark;
    return nullptr;
  };
  const auto module = [&t](const std::string& name, Mark at) {
    auto& m = t.modules.emplace_back();
    m.module = name;
    m.mark = at;
    return describe(m);
  };
  return {
      {
          {"membership", Flag{&t.membership},
           "On app hosts: who asks must be a member of an agency (agency_members), and a site "
           "that the request names must be that agency's. Needs an access rule that finds out "
           "who asks, and a directory."},
          {"member_paths", prefixes(t.member_paths),
           "Where that holds, with all below; without it /api.", "", "", "[/api, /dashboard]"},
          {"public_paths", prefixes(t.public_paths),
           "Exceptions from it; without it /api/auth, /api/public and /api/webhook, and none is "
           "an empty list.",
           "", "", "[/api/auth]"},
          {"cors", Flag{&t.cors},
           "Cross-origin calls of a site's module by its verified origins "
           "(module_allowed_domains with allow_api): preflights are answered here, answers "
           "decorated, other origins refused. The upstream's own fields are replaced."},
          {"frame_ancestors", Flag{&t.frame_ancestors},
           "Who may frame the pages of a module: those of its domain, and /embed/MODULE/SITE of "
           "every host. Itself, and the verified origins with allow_embed; replaces what the "
           "upstream says of it."},
          {"module_apis", Flag{&t.module_apis},
           "Serves /api/modules/MODULE/api/... by module_api_routes, where a module has any, and "
           "only of modules that are installed on the site; on app hosts by the states of site and "
           "agency, too (directory.refused_*, serve_unpublished)."},
          {"modules", Named{find, module, "MODULE"},
           "Pools of modules' APIs by module id; a pool's name alone is enough. Others are "
           "served by the pool of their host."},
          {"record_calls", choice(t.record_calls, {"all", "counts", "off"}, &t.record_calls_mark),
           "What is written of calls of modules' APIs into the directory's database: all (a row "
           "of module_api_logs or module_api_requests for each, and the use counters of keys "
           "and consumers), counts (the counters alone) or off. Never in a request's way."},
      },
      &t.mark};
}

}  // namespace marquee::config
