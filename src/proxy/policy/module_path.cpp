#include "proxy/policy/module_path.hpp"

#include "proxy/policy/path_rules.hpp"

namespace marquee::proxy::policy {
namespace {

constexpr std::string_view kModules = "/api/modules";
constexpr std::string_view kApi = "/api";

// One reading of a path, in any case of letters.
struct Parts {
  std::string_view module;
  std::string_view inner;  // behind the module: "/api/..."
  bool api = false;        // `inner` is below "/api"
};

Parts parts_of(std::string_view path) {
  Parts out;
  if (!is_under_any_case(path, kModules) || path.size() <= kModules.size() + 1) return out;
  path.remove_prefix(kModules.size() + 1);
  out.module = path.substr(0, path.find('/'));
  out.inner = path.substr(out.module.size());
  out.api = is_under_any_case(out.inner, kApi);
  return out;
}

// Written as the contract says: no escape, no other case up to the module's own path.
bool is_exact(const ReadPath& path, const Parts& raw, const Parts& strict, const Parts& loose) {
  return path.spelling <= base::Spelling::escaped && path.raw.starts_with(kModules) &&
         raw.inner.starts_with(kApi) && strict.inner.starts_with(kApi) &&
         loose.inner.starts_with(kApi) && raw.api && strict.api && loose.api &&
         !raw.module.empty() && raw.module == strict.module && raw.module == loose.module;
}

}  // namespace

ModuleRoute module_of(std::string_view target, const ModuleHost& host) {
  ModuleRoute out;
  out.module = host.module;
  out.site = host.site;
  std::string buffer;
  const ReadPath path = read_path(target, buffer);
  out.unclear = path.ambiguous();
  if (out.unclear || !is_under_any_case(path.loose, "/api")) return out;
  out.api = true;
  const Parts loose = parts_of(path.loose);
  const Parts strict = path.plain() ? loose : parts_of(path.strict);
  const Parts raw = path.plain() ? loose : parts_of(path.raw);
  const bool any_api = loose.api || strict.api || raw.api;
  if (loose.module.empty() && !any_api) return out;
  if (out.module.empty()) out.module = loose.module;
  if (host.app) {
    const auto sites = query_values(target, "site_id", 2);
    out.site = sites.size() == 1 ? sites.front() : std::string();
  }
  if (!any_api) return out;
  // A module's host is asked for its own: by another's name its routes say nothing.
  const bool own = host.module.empty() || (raw.module.size() == host.module.size() &&
                                           is_under_any_case(raw.module, host.module));
  out.unclear = !own || !is_exact(path, raw, strict, loose);
  if (out.unclear) return out;
  const auto behind = [](std::string_view inner) {
    return inner.size() > kApi.size() ? inner.substr(kApi.size()) : std::string_view("/");
  };
  out.path = behind(strict.inner);
  out.escaped = behind(raw.inner) != out.path;
  return out;
}

}  // namespace marquee::proxy::policy
