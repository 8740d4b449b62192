// DNS names to addresses through c-ares, on the io_context of the control
// thread. Not thread-safe: one thread runs the io_context and calls these.
// Order of sources: IP literals and localhost (RFC 6761 section 6.3) without any
// look-up, then /etc/hosts, then DNS (A and AAAA).
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::net {

inline constexpr std::size_t kMaxResolved = 16;  // addresses kept of one answer

enum class ResolveStatus : std::uint8_t {
  ok,
  bad_name,   // cannot be a DNS name; nothing was asked
  not_found,  // NXDOMAIN, or neither A nor AAAA
  timed_out,  // the deadline passed
  failed,     // SERVFAIL, refused, no server reachable, out of memory
};

struct ResolveResult {
  ResolveStatus status = ResolveStatus::failed;
  std::vector<base::IpAddress> addresses;  // ok: 1..16, sorted, each once
  std::string sentence;                    // not ok: what happened, for a log
};

struct ResolverSettings {
  // "192.0.2.53:5353,[2001:db8::53]"; empty: /etc/resolv.conf with its search
  // list. With servers given, names are asked exactly as they are.
  std::string servers;
  std::chrono::milliseconds deadline{5'000};  // of one resolve()
  std::chrono::milliseconds attempt{1'500};   // wait for one server, first try
  int attempts = 3;
};

class Resolver {
 public:
  using Done = std::function<void(ResolveResult)>;

  // `io` must outlive the resolver. If the settings are unusable (malformed
  // servers, no descriptor left), every resolve() reports `failed` and why.
  Resolver(boost::asio::io_context& io, ResolverSettings settings);
  // No callback runs after this; safe from inside a callback.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls `done` exactly once from the io_context, never from inside this call.
  // `name`: a DNS name or an IP literal (IPv6 with or without brackets).
  void resolve(std::string name, Done done);

  std::size_t pending() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

using Addresses = std::shared_ptr<const std::vector<base::IpAddress>>;

// Keeps a set of names resolved: asks for each again `interval` after the last
// answer, and says what is new. A failure keeps the last good answer in force.
// A name that has never had an answer is asked again after at most one second.
class ResolvedSet {
 public:
  struct Name {
    std::string name;
    std::chrono::milliseconds interval{10'000};
  };
  // `changed`: the first answer, and each one that differs as a set from the one
  // before. `failed`: a look-up without an answer (for logs; may be empty). Both
  // run on the io_context, and may destroy the ResolvedSet.
  using Changed = std::function<void(const std::string& name, const Addresses& addresses)>;
  using Failed = std::function<void(const std::string& name, const ResolveResult& result)>;

  // `io` and `resolver` must outlive it. Asks for all names at once.
  ResolvedSet(boost::asio::io_context& io, Resolver& resolver, std::vector<Name> names,
              Changed changed, Failed failed);
  ~ResolvedSet();
  ResolvedSet(const ResolvedSet&) = delete;
  ResolvedSet& operator=(const ResolvedSet&) = delete;

  // The last good answer; null before the first.
  Addresses addresses(std::string_view name) const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace marquee::net
