#include "proxy/policy/path_rules.hpp"

#include <algorithm>

namespace marquee::proxy::policy {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

template <typename Equal>
bool under(std::string_view path, std::string_view prefix, Equal equal) {
  if (prefix == "/") return true;
  if (path.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (!equal(prefix[i], path[i])) return false;
  return path.size() == prefix.size() || path[prefix.size()] == '/';
}

// The segment behind `prefix`, or nothing.
std::string_view segment_below(std::string_view path, std::string_view prefix) {
  if (!is_under_any_case(path, prefix) || path.size() <= prefix.size() + 1) return {};
  path.remove_prefix(prefix.size() + 1);
  return path.substr(0, path.find('/'));
}

// As forms write it: "+" is a space.
std::string decoded(std::string_view part) {
  std::string out(part);
  std::replace(out.begin(), out.end(), '+', ' ');
  base::decode_escapes(out);
  return out;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

bool is_under(std::string_view path, std::string_view prefix) {
  return under(path, prefix, [](char a, char b) { return a == b; });
}

bool is_under_any_case(std::string_view path, std::string_view prefix) {
  return under(path, prefix, [](char a, char b) { return lower(a) == lower(b); });
}

PathVerdict PathRules::judge(const ReadPath& path) const {
  if (empty() || !path.strict.starts_with('/')) return PathVerdict::served;
  if (path.ambiguous()) return PathVerdict::ambiguous;
  const auto matches = [&path](const std::string& prefix) {
    return is_under_any_case(path.loose, prefix) ||
           (!path.plain() && is_under_any_case(path.strict, prefix));
  };
  if (std::any_of(refused_.begin(), refused_.end(), matches)) return PathVerdict::refused;
  if (allowed_.empty()) return PathVerdict::served;
  const bool listed = std::any_of(allowed_.begin(), allowed_.end(), [&path](const auto& prefix) {
    return is_under(path.strict, prefix);
  });
  return listed ? PathVerdict::served : PathVerdict::refused;
}

PathOf owner_of(const ReadPath& path, std::string_view target, const PathOwner& owner) {
  if (path.loose.size() < 4 || lower(path.loose[1]) != 'a') return PathOf::own;  // most
  if (!is_under_any_case(path.loose, "/api")) return PathOf::own;
  const auto differs = [](std::string_view named, std::string_view own) {
    return !named.empty() && !own.empty() && !same(named, own);
  };
  if (differs(segment_below(path.loose, "/api/modules"), owner.module) ||
      differs(segment_below(path.loose, "/api/sites"), owner.site))
    return PathOf::another;
  if (owner.site.empty()) return PathOf::own;
  // Of values that nobody looked at, one could be another's.
  constexpr std::size_t most = 8;
  const auto named = query_values(target, "site_id", most + 1);
  if (named.size() > most) return PathOf::unclear;
  const bool own = std::none_of(named.begin(), named.end(),
                                [&](const std::string& id) { return differs(id, owner.site); });
  return own ? PathOf::own : PathOf::another;
}

std::vector<std::string> query_values(std::string_view target, std::string_view name,
                                      std::size_t most) {
  std::vector<std::string> out;
  const std::size_t begin = target.find('?');
  if (begin == std::string_view::npos) return out;
  std::string_view rest = target.substr(begin + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty() && out.size() < most) {
    const std::size_t end = rest.find_first_of("&;");
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (decoded(pair.substr(0, equals)) != name) continue;
    out.push_back(
        decoded(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1)));
  }
  return out;
}

}  // namespace marquee::proxy::policy
