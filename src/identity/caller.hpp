// Who asks, once an access check has found out: what the checks fill and what the
// signed tenant context says of it. Views: they live as long as the request (its
// arena, or the entry of the cache of verified tokens that it holds).
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace marquee::identity {

struct Caller {
  std::string_view user;     // id; empty: a key or token of no user
  std::string_view role;     // in `agency`, e.g. owner, admin, member
  std::string_view agency;   // empty: not bound to one
  std::string_view site;     // the site that this request is for; empty: none chosen
  std::string_view api_key;  // id of the key's row, where one was used; never the key
  // SHA-256 of the credential (JWT, API key, embed token) as it came.
  std::array<std::uint8_t, 32> digest{};
  // When the credential ends, Unix time. What is made from it ends no later.
  std::chrono::sys_seconds expires_at = std::chrono::sys_seconds::max();

  bool known() const { return !user.empty() || !api_key.empty() || !agency.empty(); }
};

}  // namespace marquee::identity
