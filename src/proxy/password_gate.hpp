// HTTP basic authentication of domains whose `visitors` have passwords: preview
// sites. The hash is computed elsewhere (identity/password_checker.hpp) and the
// request waits; what was checked before costs a digest. The field is the edge's own
// and does not go upstream.
#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "identity/password_checker.hpp"
#include "net/turn.hpp"
#include "proxy/gate.hpp"

namespace marquee::config {
struct Visitors;
}

namespace marquee::proxy {

class PasswordGate final : public Gate {
 public:
  // Runs a job on this worker, later; from any thread, also when this is gone.
  using Post = std::function<void(std::function<void()>)>;
  PasswordGate(net::Turn& turn, identity::PasswordChecker& checker, Post post)
      : turn_(turn), checker_(checker), post_(std::move(post)) {}

  Verdict enter(Exchange& exchange, GateAnswer& answer) override;
  void cancel(Exchange& exchange) override { waiting_.erase(&exchange); }
  void left(Exchange& exchange) override { waiting_.erase(&exchange); }
  // Behind a full queue of slow hashes.
  net::Ms longest_wait() const override { return net::Ms(30'000); }

 private:
  Verdict refuse(Exchange& exchange, const config::Visitors& visitors, GateAnswer& answer);
  void resume(Exchange* exchange, std::uint64_t ticket, bool fits);

  net::Turn& turn_;
  identity::PasswordChecker& checker_;
  Post post_;
  std::unordered_map<Exchange*, std::uint64_t> waiting_;  // its ticket
  std::uint64_t last_ticket_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace marquee::proxy
