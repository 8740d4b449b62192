// Hostname -> Domain. Built from the settings, immutable, shared by all workers.
// The order is total (design 5): exact name, www pair, wildcard (one label),
// app host, label below the sites base, nothing. A look-up is at most two hash
// probes and allocates nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hostname.hpp"
#include "config/settings.hpp"
#include "routing/domain.hpp"

namespace marquee::routing {

enum class MatchKind : std::uint8_t { none, exact, pair, wildcard, app, site };
std::string_view name(MatchKind kind);

struct Match {
  const Domain* domain = nullptr;  // lives as long as the table, or its own count
  MatchKind kind = MatchKind::none;
  explicit operator bool() const { return domain != nullptr; }
};

// Whether two names are the same one, or the two of one pair (no 421 check).
bool same_name_or_pair(const Match& a, std::string_view a_name, const Match& b,
                       std::string_view b_name);

class HostTable {
 public:
  HostTable() = default;
  // Faulty rows are left out, and of two rows for one name the first counts;
  // check() finds both.
  explicit HostTable(const config::Settings& settings);
  HostTable(HostTable&&) = default;
  HostTable& operator=(HostTable&&) = default;

  // `name` is normalised. A disabled domain is found, too: see Domain::enabled.
  Match lookup(std::string_view name) const;

  // In the order of the settings, then app hosts, then the sites base.
  const std::vector<std::shared_ptr<const Domain>>& domains() const { return domains_; }

 private:
  struct Parent {
    const Domain* wildcard = nullptr;
    const Domain* sites = nullptr;
  };
  // Keys are views into the domains' own names.
  std::vector<std::shared_ptr<const Domain>> domains_;
  std::unordered_map<std::string_view, Match> names_;
  std::unordered_map<std::string_view, Parent> parents_;
};

}  // namespace marquee::routing
