// Which paths a class of hosts serves at all (platform contract R9e), and that a
// tenant's host reaches its own module and site only. Pure.
//
// A refusal must hold for every reading that a server behind may have
// (base/request_path.hpp), so that it is decided on the most generous one; what two
// servers could read as different places is refused by itself ("ambiguous"), never
// repaired. The bytes that go upstream are not touched.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/request_path.hpp"

namespace marquee::proxy::policy {

using base::read_path;
using base::ReadPath;

// `path` is `prefix` or below it, segment-wise.
bool is_under(std::string_view path, std::string_view prefix);
bool is_under_any_case(std::string_view path, std::string_view prefix);

enum class PathVerdict : std::uint8_t { served, refused, ambiguous };

// The lists of one class of hosts.
class PathRules {
 public:
  PathRules() = default;
  // Prefixes such as "/api/cron"; `allowed` empty: all that is not refused. `judged`:
  // gates decide by paths on these hosts, so that ambiguous ones are refused without
  // any list, too.
  PathRules(std::vector<std::string> refused, std::vector<std::string> allowed, bool judged = false)
      : refused_(std::move(refused)), allowed_(std::move(allowed)), judged_(judged) {}
  bool empty() const { return !judged_ && !has_lists(); }
  bool has_lists() const { return !refused_.empty() || !allowed_.empty(); }
  PathVerdict judge(const ReadPath& path) const;

 private:
  std::vector<std::string> refused_;
  std::vector<std::string> allowed_;
  bool judged_ = false;
};

// Whose a host is; empty ids are not known.
struct PathOwner {
  std::string_view module;
  std::string_view site;
};
enum class PathOf : std::uint8_t {
  own,
  another,  // module ("/api/modules/<id>") or site ("/api/sites/<id>", `site_id` below "/api")
  unclear,  // more values of `site_id` than anybody reads
};
PathOf owner_of(const ReadPath& path, std::string_view target, const PathOwner& owner);

// The decoded values of a query's parameter, at most `most` of them.
std::vector<std::string> query_values(std::string_view target, std::string_view name,
                                      std::size_t most);

}  // namespace marquee::proxy::policy
