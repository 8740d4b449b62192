// /v1/domains: the domains of the settings and of the directory, and how those of
// the directory are written.
//
//   GET    /v1/domains          a page: cursor, limit, filters
//   POST   /v1/domains          adds one: 201, or 200 where it is there just so
//   POST   /v1/domains:batch    adds up to DomainBook::kMostDrafts, each by itself
//   GET    /v1/domains/{id}     with a strong ETag
//   PATCH  /v1/domains/{id}     merge patch; needs If-Match (428, 412)
//   DELETE /v1/domains/{id}     needs If-Match
//   POST   /v1/domains:analyze  renews the database's statistics, after an import
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/domain_book.hpp"
#include "admin/resource.hpp"
#include "routing/directory_domain.hpp"

namespace marquee::admin {

// All are called on the control thread. What they give out is used within the call.
struct DomainParts {
  // Runs something on the control thread, later; by any thread.
  std::function<void(std::function<void()>)> post;
  // The settings' domains; answers inside the call.
  std::function<std::shared_ptr<routing::DomainDirectory>()> settings;
  std::function<routing::DirectoryRules()> rules;
  std::function<routing::DomainDirectory*()> directory;  // null: there is none
  std::function<DomainBook*()> book;                     // null: there is none
  // These were written: what this process remembers of them is void.
  std::function<void(const std::vector<std::string>& hosts)> written;
  // For the log: somebody gave his word for this host, or took it back; `local`: by the
  // Unix socket.
  std::function<void(const std::string& host, const std::string& id, bool vouched, bool local)>
      vouched;
  std::string settings_file;
};
std::vector<Route> domain_routes(DomainParts parts);

inline constexpr std::size_t kMostBatch = 2u << 20;  // bytes of a batch
// Bytes of a page; one that would be larger is shorter than asked for.
inline constexpr std::size_t kMostPage = 8u << 20;

}  // namespace marquee::admin
