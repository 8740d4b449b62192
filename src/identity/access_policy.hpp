// Which requests must prove who sends them, and by what: the rules of the settings,
// ready for requests. Pure and immutable; shared by threads.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/request_path.hpp"
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
  // From here on a path is refused: where the proof is for a path of its own, another
  // spelling must not make it one for another path.
  base::Spelling refused_from = base::Spelling::ambiguous;

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
    // holds or the rule's proof is not for it: refused (400), as guessing would be a
    // way around the rule.
    bool ambiguous = false;
  };
  // A rule holds on hosts of this class.
  bool applies_to(routing::HostClass host) const;
  // `target`: the request's path, with or without its query; "*" is "/".
  Found find(std::string_view method, std::string_view target, routing::HostClass host) const;

 private:
  const AccessRule* first(std::string_view method, std::string_view path, routing::HostClass host,
                          bool plain) const;
  std::vector<AccessRule> rules_;
};

// By whole segments: "/api" covers "/api" and "/api/x", not "/apis".
bool covers(std::string_view prefix, std::string_view path);

}  // namespace marquee::identity
