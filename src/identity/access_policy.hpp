// Which requests must prove who sends them, and by what: the rules of the settings,
// ready for requests. Pure and immutable; shared by threads.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "identity/token.hpp"
#include "routing/domain.hpp"

namespace marquee::identity {

using config::Credential;

struct AccessRule {
  std::vector<std::string> paths;
  std::vector<std::string> methods;  // in any case; GET covers HEAD; empty: all
  std::vector<std::string> open;
  std::vector<Credential> accept;
  std::string forward;  // name of who is asked where there is no proof; empty: nobody
  std::vector<std::string> scopes;
  std::uint8_t hosts = 0xff;  // bit 1 << HostClass
  bool optional = false;
  bool tenant = true;

  bool accepts(Credential credential) const;
};

class AccessPolicy {
 public:
  AccessPolicy() = default;
  explicit AccessPolicy(const config::Access& access);

  bool empty() const { return rules_.empty(); }

  struct Found {
    const AccessRule* rule = nullptr;  // null: nothing is asked
    // An upstream could read the path in another way, under which another rule
    // holds: refused (400), as guessing would be a way around the rule.
    bool ambiguous = false;
  };
  // `target`: the request's path, with or without its query.
  Found find(std::string_view method, std::string_view target, routing::HostClass host) const;

 private:
  const AccessRule* first(std::string_view method, std::string_view path, routing::HostClass host,
                          bool plain) const;
  std::vector<AccessRule> rules_;
};

// By whole segments: "/api" covers "/api" and "/api/x", not "/apis".
bool covers(std::string_view prefix, std::string_view path);

// No escapes, parameters, backslashes, dot or empty segments: every server reads it
// in the same way.
bool is_plain(std::string_view path);
// As a server reads it that decodes escapes, drops parameters (";"), takes
// backslashes for slashes, and resolves dot and empty segments.
std::string resolved(std::string_view path);

}  // namespace marquee::identity
