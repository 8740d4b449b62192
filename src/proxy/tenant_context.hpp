// The fields by which upstreams learn who a request belongs to and who asks, as far as
// they are the same for many requests: x-custom-domain, the signed x-tenant-context,
// and of a known caller x-tenant-user-id, x-tenant-role and what the domain leaves
// open; of a module that a gate found, its own. (Those of the domain alone stand in its
// plan.)
//
// One per worker. A token is minted once for each plan, host, caller and module, and again
// when half of its time is over; in between a request costs a look into a table of
// bounded size, in which a new entry takes the place of the one minted longest ago.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "identity/caller.hpp"
#include "identity/key_ring.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

struct DomainPlan;

// The module that a gate found a request to be for, on a host that does not say so by
// itself. It stands in for what the domain leaves open. Views.
struct ServedModule {
  std::string_view module;
  std::string_view installation;
  std::string_view site;
  std::string_view agency;  // of the site
};

class TenantContext {
 public:
  struct Counts {
    std::uint64_t minted = 0;
    std::uint64_t failed = 0;  // wanted, and not minted: no key yet, or OpenSSL failed
  };

  // Room for `sets` times four tokens.
  explicit TenantContext(std::size_t sets = 1024);
  ~TenantContext();

  // What was signed with other keys is forgotten.
  void install(std::shared_ptr<const identity::KeyRing> keys);
  const identity::KeyRing& keys() const { return *keys_; }

  // `host` is normalised, `now` in Unix seconds. Hold the block while it is in use.
  using Block = std::shared_ptr<const FieldBlock>;
  const Block& fields(const DomainPlan& plan, std::string_view host, const identity::Caller* caller,
                      const config::Context& settings, std::int64_t now,
                      const ServedModule* module = nullptr);
  // The token alone; empty where none is sent: no tenant and no caller, switched off,
  // no key. Valid until the next call.
  std::string_view token(const DomainPlan& plan, std::string_view host,
                         const identity::Caller* caller, const config::Context& settings,
                         std::int64_t now, const ServedModule* module = nullptr);

  const Counts& counts() const { return counts_; }
  // Told of every attempt to mint.
  void tell(std::function<void(bool minted)> told) { told_ = std::move(told); }

 private:
  static constexpr std::size_t kWays = 4;
  struct Entry;
  using Set = std::array<std::unique_ptr<Entry>, kWays>;

  Entry& entry(const DomainPlan& plan, std::string_view host, const identity::Caller* caller,
               const ServedModule* module, const config::Context& settings, std::int64_t now);
  void mint(Entry& entry, const DomainPlan& plan, const config::Context& settings,
            std::int64_t now);

  std::shared_ptr<const identity::KeyRing> keys_;
  std::vector<Set> sets_;
  Counts counts_;
  std::function<void(bool)> told_;
};

}  // namespace marquee::proxy
