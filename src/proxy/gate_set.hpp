// Which gates a domain's requests meet, known from the settings and the domain alone:
// a gate that has nothing to do there costs no request anything.
#pragma once
#include <cstdint>

namespace marquee::config {
struct HostClasses;
struct Settings;
struct Visitors;
}  // namespace marquee::config

namespace marquee::routing {
struct Domain;
enum class HostClass : std::uint8_t;
}  // namespace marquee::routing

namespace marquee::proxy {

// In the order in which a request passes them (design 2, step 4): preflights before
// access, members after it, limits by who asks last.
enum class GateKind : std::uint8_t { origin, password, access, tenant, module, limits, count_ };

class GateSet {
 public:
  constexpr GateSet() = default;
  constexpr void add(GateKind kind) { bits_ |= bit(kind); }
  constexpr bool has(GateKind kind) const { return (bits_ & bit(kind)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  // The first of them, which is then in it no more. Not of an empty set.
  constexpr GateKind take_first() {
    const auto first = static_cast<GateKind>(__builtin_ctz(bits_));
    bits_ &= bits_ - 1;
    return first;
  }

 private:
  static constexpr unsigned bit(GateKind kind) { return 1u << static_cast<unsigned>(kind); }
  unsigned bits_ = 0;
};

GateSet gates_of(const routing::Domain& domain, const config::Settings& settings);

// On hosts of this class a gate decides by what the path is: what two servers could
// read as two places must not come that far.
bool gates_judge_paths(routing::HostClass host, const config::Settings& settings);

// Who may visit a domain: its own word, or its class's.
const config::Visitors& visitors_of(const config::HostClasses& hosts,
                                    const routing::Domain& domain);

}  // namespace marquee::proxy
