// Paths that Marquee answers itself, whatever the domain: challenges, key sets,
// stylesheets. One table; no upstream sees a request for them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/head.hpp"
#include "proxy/local_answer.hpp"

namespace marquee::proxy {

struct DomainPlan;

struct EdgeRequest {
  const http::RequestHead& request;
  std::string_view path;             // without the query
  const DomainPlan* plan = nullptr;  // null before the domain is known
};

class EdgeSource {
 public:
  virtual ~EdgeSource() = default;
  // False: not a path of its own after all, and the request goes on its way. With
  // only a status of 400 or more it becomes an error page. Must not wait.
  virtual bool answer(const EdgeRequest& request, LocalContent& content) = 0;
};

class EdgePaths {
 public:
  enum class When : std::uint8_t {
    any_host,  // before the host is looked up: also for names that nobody has
    domain,    // its domain is known
  };
  enum class Match : std::uint8_t { exact, prefix };

  // `source` outlives the table.
  void add(std::string path, Match match, When when, EdgeSource& source);
  // Null: the path is not Marquee's at this point. `path` is without the query.
  EdgeSource* find(std::string_view path, When when) const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    std::string path;
    Match match;
    When when;
    EdgeSource* source;
  };
  std::vector<Entry> entries_;
  std::string common_;  // what all of them begin with: most requests are told by it
};

}  // namespace marquee::proxy
