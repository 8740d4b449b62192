// Which paths a class of hosts serves at all (platform contract R9e), and that a
// tenant's host reaches its own module and site only. Pure.
//
// Servers behind read a path in their own ways: they decode once or twice, drop
// empty and "." segments and ";parameters", take "\" for "/", ignore case. A
// refusal must hold for all of them, so that it is decided on the most generous
// reading; what two servers could read as different places is refused by itself
// ("ambiguous"), never repaired. The bytes that go upstream are not touched.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::proxy::policy {

// A path as servers behind might read it. The views are into the target, or into
// `buffer` where it had to be rewritten.
struct ReadPath {
  // A ".." segment, escapes within escapes beyond three, or an overlong form.
  bool ambiguous = false;
  std::string_view strict;  // decoded, no empty and "." segments
  std::string_view loose;   // the same without ";parameters"
};
// `target`: origin-form, its query is left out.
ReadPath read_path(std::string_view target, std::string& buffer);

// `path` is `prefix` or below it, segment-wise.
bool is_under(std::string_view path, std::string_view prefix);
bool is_under_any_case(std::string_view path, std::string_view prefix);

enum class PathVerdict : std::uint8_t { served, refused, ambiguous };

// The lists of one class of hosts.
class PathRules {
 public:
  PathRules() = default;
  // Prefixes such as "/api/cron"; `allowed` empty: all that is not refused.
  PathRules(std::vector<std::string> refused, std::vector<std::string> allowed)
      : refused_(std::move(refused)), allowed_(std::move(allowed)) {}
  bool empty() const { return refused_.empty() && allowed_.empty(); }
  PathVerdict judge(const ReadPath& path) const;

 private:
  std::vector<std::string> refused_;
  std::vector<std::string> allowed_;
};

// Whose a host is; empty ids are not known.
struct PathOwner {
  std::string_view module;
  std::string_view site;
};
// False: the target names another module ("/api/modules/<id>") or site
// ("/api/sites/<id>", or `site_id` in the query below "/api") than the host's own.
bool is_own(const ReadPath& path, std::string_view target, const PathOwner& owner);

// The decoded values of a query's parameter, at most `most` of them.
std::vector<std::string> query_values(std::string_view target, std::string_view name,
                                      std::size_t most);

}  // namespace marquee::proxy::policy
