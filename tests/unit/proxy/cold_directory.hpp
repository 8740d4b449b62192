// A directory behind a worker's route table whose answers and posts come one by one,
// when the test says so.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/route_table.hpp"
#include "routing/lookup_cache.hpp"
#include "routing/membership_filter.hpp"

namespace marquee::proxy::testing {

class ColdDirectory final : public routing::DomainDirectory {
 public:
  void find(const routing::LookupKeys& keys, Found done) override {
    ++finds;
    open.emplace_back(keys, std::move(done));
  }
  // The oldest question that is open.
  void answer() {
    auto [keys, done] = std::move(open.front());
    open.pop_front();
    routing::DirectoryAnswer out;
    if (!down) {
      for (const auto& [name, row] : rows)
        if (name == keys.host.text() || (keys.twin && name == keys.twin->text()) || row.redirect ||
            to_redirect(row))
          out.rows.push_back(std::make_shared<routing::DomainRecord>(row));
      out.status = out.rows.empty() ? routing::DirectoryAnswer::Status::absent
                                    : routing::DirectoryAnswer::Status::found;
    }
    done(std::move(out));
  }
  routing::DomainRecord& add(const std::string& host, const std::string& agency) {
    routing::DomainRecord row(*base::parse_hostname(host).name);
    row.row = "row-" + host;
    row.status = routing::DomainStatus::active;
    row.agency = *base::AgencyId::parse(agency);
    row.site = *base::SiteId::parse("site-1");
    row.config.redirect_to_https = false;
    return rows.insert_or_assign(host, std::move(row)).first->second;
  }

  void subscribe(routing::ChangeListener*) override {}
  void list(const routing::ListQuery&, Listed) override {}
  void list_names(const std::string&, std::uint32_t, Named) override {}
  void load_certificate(routing::RecordKind, const std::string&, Certificate) override {}
  void generation(Generation) override {}
  std::string description() const override { return "cold"; }

  std::map<std::string, routing::DomainRecord> rows;
  std::deque<std::pair<routing::LookupKeys, Found>> open;
  bool down = false;
  int finds = 0;

 private:
  bool to_redirect(const routing::DomainRecord& row) const {
    for (const auto& [name, other] : rows)
      if (other.redirect && other.redirect->host == row.host) return true;
    return false;
  }
};

struct ColdRoutes {
  explicit ColdRoutes(std::function<routing::CacheTime()> clock,
                      const RouteTable::Options& options = {})
      : cache(directory, {}, std::move(clock)),
        routes(
            {cache, filter}, options,
            [this](std::function<void()> job) { posts.push_back(std::move(job)); },
            [this](std::uint64_t waiter) { told.push_back(waiter); }) {}
  // One step of what happens elsewhere; false: there is nothing to do.
  bool step() {
    if (!posts.empty()) {
      auto job = std::move(posts.front());
      posts.pop_front();
      job();
      return true;
    }
    if (directory.open.empty()) return false;
    directory.answer();
    return true;
  }
  void change(const routing::Change& change) { cache.on_changes({&change, 1}); }

  ColdDirectory directory;
  routing::LookupCache cache;
  routing::MembershipFilter filter;
  std::deque<std::function<void()>> posts;
  std::vector<std::uint64_t> told;
  RouteTable routes;
};

}  // namespace marquee::proxy::testing
