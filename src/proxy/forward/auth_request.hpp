// One question to a server that decides about requests (identity/forward.hpp): sent
// and read over the worker's pools, bounded in time and size. It holds no client and
// decides nothing.
#pragma once
#include <memory>
#include <string>

#include "identity/forward.hpp"
#include "net/turn.hpp"
#include "proxy/outgoing.hpp"
#include "proxy/services.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::proxy {

class AuthRequest final : public UpstreamRequest, public net::Expiring, public net::Resident {
 public:
  class Owner {
   public:
    // Its last word, told once and in a turn's later part, never from within start().
    // The owner retires it.
    virtual void on_answered(AuthRequest& request) = 0;

   protected:
    ~Owner() = default;
  };

  // What it sends, kept until its end.
  struct Asks {
    std::shared_ptr<UpstreamPool> pool;
    std::shared_ptr<BodyBacklog> backlog;
    std::string target;
    FieldBlock fields;
    // Held for what they hold: the domain's own fields and those of its context.
    std::shared_ptr<const DomainPlan> plan;
    TenantContext::Block context;
    config::Limits limits;
    net::Ms timeout{};
    std::size_t body = 0;  // longest one of a refusal
    std::uint64_t tenant = 0;
  };

  struct Answer {
    UpstreamFailure failure = UpstreamFailure::none;
    http::Refusal refusal = http::Refusal::none;
    unsigned status = 0;  // 0: there was none
    identity::FieldList fields;
    std::string body;  // of a refusal
    bool body_too_long = false;
  };

  AuthRequest(net::Turn& turn, Owner& owner, Asks asks);
  ~AuthRequest() override;

  void start();
  // Nobody waits for it any more. It is retired next.
  void give_up();
  const Answer& answer() const { return answer_; }
  Answer& answer() { return answer_; }

  // UpstreamRequest
  std::uint64_t tenant() const override { return asks_.tenant; }
  const std::shared_ptr<BodyBacklog>& backlog() const override { return asks_.backlog; }
  void on_upstream_ready(UpstreamEnd& upstream, const UpstreamFacts& facts) override;
  void on_upstream_unavailable(UpstreamFailure why) override;
  void on_response_interim() override;
  void on_response_head() override;
  std::size_t on_response_body(const BodySlice& slice) override;
  void on_response_end(http::FieldTable* trailers) override;
  void on_upstream_failed(UpstreamFailure why, http::Refusal refusal) override;
  void on_upstream_writable() override {}

  void on_deadline(net::Deadline& which) override;
  void run() override;

 private:
  void open(bool fresh);
  void settle(UpstreamFailure why);
  void drop_upstream(bool at_fault);
  bool may_retry(UpstreamFailure why) const;

  net::Turn& turn_;
  Owner& owner_;
  Asks asks_;
  Additions additions_;
  UpstreamEnd* upstream_ = nullptr;
  bool opening_ = false;
  bool reused_ = false;
  bool again_ = false;  // the one more try was made
  bool settled_ = false;
  std::uint32_t interim_ = 0;
  std::size_t passed_over_ = 0;  // body bytes of no use
  net::Deadline time_;
  Answer answer_;
};

}  // namespace marquee::proxy
