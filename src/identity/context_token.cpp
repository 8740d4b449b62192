#include "identity/context_token.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/json_text.hpp"
#include "identity/jose/jws.hpp"

namespace marquee::identity {

std::optional<ContextTimes> context_times(std::int64_t now, std::int64_t lifetime,
                                          const Caller* caller) {
  ContextTimes out;
  lifetime = std::clamp<std::int64_t>(lifetime, 1, kLongestToken);
  out.issued_at = now;
  out.expires_at = now + lifetime;
  out.renew_at = now + std::max<std::int64_t>(1, lifetime / 2);
  if (!caller) return out;
  const std::int64_t end = caller->expires_at.time_since_epoch().count();
  if (end <= now) return std::nullopt;
  if (end <= out.expires_at) out.expires_at = out.renew_at = end;
  return out;
}

std::string context_claims(std::string_view issuer, const ContextSubject& subject,
                           const Caller* caller, const ContextTimes& times) {
  std::array<char, 4096> room;  // 12 texts of at most 256 bytes, escaped or not
  base::JsonText json(room.data(), room.size());
  json.raw("{");
  const auto add = [&json](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    json.raw(key);
    json.string(value);
    json.raw(",");
  };
  const auto either = [caller](std::string_view own, std::string Caller::*theirs) {
    return own.empty() && caller ? std::string_view((*caller).*theirs) : own;
  };
  add(R"("iss":)", issuer);
  add(R"("aud":)", subject.module);
  add(R"("sub":)", subject.installation);
  add(R"("agency":)", either(subject.agency, &Caller::agency));
  add(R"("client":)", subject.client);
  add(R"("site":)", either(subject.site, &Caller::site));
  add(R"("host":)", subject.host);
  if (caller) {
    add(R"("user":)", caller->user);
    add(R"("role":)", caller->role);
    add(R"("api_key":)", caller->api_key);
    add(R"("consumer":)", caller->consumer);
  }
  json.raw(R"("iat":)");
  json.number(times.issued_at);
  json.raw(R"(,"exp":)");
  json.number(times.expires_at);
  json.raw("}");
  // Half a set of claims would be another statement.
  return json.overflowed() ? std::string() : std::string(json.view());
}

std::optional<std::string> mint_context(const SigningKey& key, std::string_view issuer,
                                        const ContextSubject& subject, const Caller* caller,
                                        const ContextTimes& times) {
  const std::string claims = context_claims(issuer, subject, caller, times);
  if (claims.empty()) return std::nullopt;
  return jose::sign_compact(*key.key, key.header, claims);
}

}  // namespace marquee::identity
