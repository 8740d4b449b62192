// What workers remember of proofs, and how they are made to forget it.
//
//   POST /v1/access:forget   {"sha256": "9f86..."} or {"all": true}
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "admin/domain_book.hpp"
#include "admin/resource.hpp"
#include "identity/sha256.hpp"

namespace marquee::admin {

enum class ForgetResult : std::uint8_t {
  all_nodes,  // the directory tells the others
  this_node,  // there is no directory that could
  not_told,   // forgotten here, but the directory could not be written
  count_,
};

// All is called on the control thread.
struct AccessParts {
  // Forgets a credential by the SHA-256 of its bytes, or all; `done` when no worker
  // remembers it.
  std::function<void(const std::optional<identity::Digest>& which, std::function<void()> done)>
      forget;
  std::function<DomainBook*()> book;                             // null: no other node can be told
  std::function<void(std::function<void()>)> post;               // to the control thread, from any
  std::function<void(ForgetResult, bool all, bool local)> told;  // for log and metrics
};
std::vector<Route> access_routes(AccessParts parts);

}  // namespace marquee::admin
