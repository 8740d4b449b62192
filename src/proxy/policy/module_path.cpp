#include "proxy/policy/module_path.hpp"

#include "proxy/policy/path_rules.hpp"

namespace marquee::proxy::policy {
namespace {

constexpr std::string_view kModules = "/api/modules/";

}  // namespace

ModuleRoute module_of(std::string_view target, const ModuleHost& host) {
  ModuleRoute out;
  out.module = host.module;
  out.site = host.site;
  std::string buffer;
  const ReadPath path = read_path(target, buffer);
  if (path.ambiguous || !is_under_any_case(path.loose, "/api")) return out;
  out.api = true;
  if (!is_under_any_case(path.strict, "/api/modules") || path.strict.size() <= kModules.size())
    return out;
  std::string_view rest = path.strict.substr(kModules.size());
  const std::string_view named = rest.substr(0, rest.find('/'));
  if (out.module.empty()) out.module = named;
  if (host.app) {
    const auto sites = query_values(target, "site_id", 2);
    out.site = sites.size() == 1 ? sites.front() : std::string();
  }
  rest.remove_prefix(named.size());
  if (is_under(rest, "/api")) out.path = rest.size() > 4 ? rest.substr(4) : "/";
  return out;
}

}  // namespace marquee::proxy::policy
