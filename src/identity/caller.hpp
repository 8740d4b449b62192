// Who asks, once an access check has found out. The checks fill it and give it to the
// exchange (Exchange::set_caller); the fields x-tenant-user-id, x-tenant-role,
// x-tenant-agency-id, x-tenant-site-id and x-site-id are made of it by
// proxy/request_fields, as is the second form of the signed tenant context: a check
// sets none of them itself.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::identity {

// What proved who asks.
enum class AuthType : std::uint8_t { none, jwt, api_key, consumer, embed, forward };
constexpr std::string_view name(AuthType type) {
  constexpr std::string_view names[] = {"none", "jwt", "api_key", "consumer", "embed", "forward"};
  return names[static_cast<std::size_t>(type)];
}

struct Caller {
  AuthType auth = AuthType::none;
  std::string user;     // id; empty: a credential of no user
  std::string role;     // in `agency`, e.g. owner, admin, member
  std::string agency;   // empty: not bound to one. Never another than the domain's
  std::string site;     // that this request is for; empty: none chosen. The same
  std::string api_key;  // id of the key's row, where one was used; never the key
  // Likewise of module_api_consumers, a module's clients in its API mode.
  std::string consumer;
  // What the credential itself is for, as it says; empty: any. `agency` and `site` are
  // the domain's, and so empty on app hosts: whoever takes a site or module from a
  // request's path, query or fields holds it, and the site's agency, against these.
  std::string bound_agency;
  std::string bound_site;
  std::string bound_module;
  // Requests that the credential's own row allows, all nodes together; 0: no limit.
  std::uint32_t limit_per_minute = 0;
  std::uint32_t limit_per_day = 0;
  // Of a credential that speaks of scopes (`scoped`), perhaps none.
  std::vector<std::string> scopes;
  bool scoped = false;
  // SHA-256 of the credential (JWT, API key, embed token) as it came.
  std::array<std::uint8_t, 32> digest{};
  // When the credential ends, Unix time. What is made from it ends no later.
  std::chrono::sys_seconds expires_at = std::chrono::sys_seconds::max();

  friend bool operator==(const Caller&, const Caller&) = default;
};

}  // namespace marquee::identity
