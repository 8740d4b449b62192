// What the signed tenant context says (design 9), as a compact JWS.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "identity/caller.hpp"
#include "identity/key_ring.hpp"

namespace marquee::identity {

inline constexpr std::int64_t kLongestToken = 60;  // seconds

// Whose request it is. Views; an empty one is a claim that is left out.
struct ContextSubject {
  std::string_view module;        // aud
  std::string_view installation;  // sub
  std::string_view agency;
  std::string_view client;
  std::string_view site;
  std::string_view host;  // normalised
  // Nobody's: nothing could be attested but a name.
  bool empty() const {
    return module.empty() && installation.empty() && agency.empty() && client.empty() &&
           site.empty();
  }
};

struct ContextTimes {
  std::int64_t issued_at = 0;   // Unix seconds
  std::int64_t expires_at = 0;  // exclusive
  std::int64_t renew_at = 0;    // from then on another one is minted
};
// From `now` for `lifetime`, renewed after half of it; never beyond the caller's
// credential, and then not renewed before it ends, as no better one could be had.
// Nothing where that credential has ended.
std::optional<ContextTimes> context_times(std::int64_t now, std::int64_t lifetime,
                                          const Caller* caller);

// The payload. A caller's agency and site stand in where the subject has none; it adds
// `user`, `role`, and `api_key` or `consumer`.
std::string context_claims(std::string_view issuer, const ContextSubject& subject,
                           const Caller* caller, const ContextTimes& times);

// Nothing where the key cannot sign.
std::optional<std::string> mint_context(const SigningKey& key, std::string_view issuer,
                                        const ContextSubject& subject, const Caller* caller,
                                        const ContextTimes& times);

}  // namespace marquee::identity
