// A module's API routes (module_api_routes, platform contract 1.8): which of them a
// request is for, and whether its caller may. Pure.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "identity/caller.hpp"
#include "identity/tenant_directory.hpp"

namespace marquee::proxy::policy {

enum class ApiVerdict : std::uint8_t {
  open,  // the module has no routes: nothing to enforce
  served,
  no_route,  // 404; also one that is switched off
  method,    // 405: `allow`
  login,     // 401
  scope,     // 403
};

struct ApiDecision {
  ApiVerdict verdict = ApiVerdict::open;
  const identity::ApiRoute* route = nullptr;  // with served
  bool guarded = false;                       // it, or one that counts with it, asks who calls
  std::string allow;                          // methods of the path, for Allow
};

// Whether "/contacts/:id" is `path`, segment by segment; a parameter is one segment
// that is not empty.
bool matches(std::string_view pattern, std::string_view path);

// The same for some server: in any case of letters, without ";parameters", spaces around
// and dots at the end of a segment.
bool matches_loosely(std::string_view pattern, std::string_view path);

// `path` is within the module's API, decoded (`escaped`: there was something to decode),
// without a trailing slash but for "/". Of several routes the one with a literal where
// the other has a parameter, from the left. What another server could take for a route
// that is not worse must satisfy that one, too: "SECRET" is ":id", and "secret".
// HEAD is served by a GET route. `caller` null: nobody known. A consumer needs read, write
// or delete, by the method, where no scope is named.
ApiDecision judge_api(std::span<const identity::ApiRoute> routes, std::string_view method,
                      std::string_view path, const identity::Caller* caller, bool escaped = false);

// "*" and "admin" cover all; "read:*" covers "read:contacts" and "read" (contract 2.7).
bool covers_scope(std::span<const std::string> held, std::string_view wanted);

}  // namespace marquee::proxy::policy
