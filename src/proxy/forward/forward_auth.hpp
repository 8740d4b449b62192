// Forward authentication on one worker: asks servers of access.forward about requests
// (one at a time for each that is the same, where answers may be remembered), and gives
// their answers to the exchanges that wait. What an answer is worth is decided by
// identity/forward.hpp. Whatever cannot be asked or understood is refused with 503.
//
// Bounded: questions under way, of all clients and of one network; the time, head and
// body of an answer; what is remembered, in number and time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/lru_table.hpp"
#include "identity/forward.hpp"
#include "proxy/client_share.hpp"
#include "proxy/forward/auth_request.hpp"
#include "proxy/gate.hpp"
#include "proxy/proxy_metrics.hpp"

namespace marquee::proxy {

class ForwardAuth final : private AuthRequest::Owner {
 public:
  // Tells the log why a server was of no use. A stranger can cause it.
  using Told = std::function<void(std::string_view server, std::string_view why)>;
  // What the gate says of a request now, whose settings may have changed meanwhile.
  class Judge {
   public:
    // Name of the server that the rules ask about it now; empty: none.
    virtual std::string_view server_of(const Exchange& exchange) = 0;
    // As if it came anew.
    virtual Gate::Verdict judge_anew(Exchange& exchange, GateAnswer& answer) = 0;

   protected:
    ~Judge() = default;
  };

  ForwardAuth(net::Turn& turn, const ProxyMetrics& metrics, base::Cells& cells, std::uint64_t seed,
              Judge& judge);
  ~ForwardAuth();

  void tell(Told told) { told_ = std::move(told); }
  // What was remembered under the old settings goes.
  void install(const config::Access& access);
  // Passes of requests that showed one of these credentials; without any, all. Who asks
  // from now on waits for no question that was asked before.
  void forget(const std::vector<identity::Digest>& digests);
  // Takes out what only servers may say. For each request, before anything else.
  void withhold(Exchange& exchange) const;

  // Passes, refuses, or waits; then exchange.gate_decided() is called.
  Gate::Verdict ask(Exchange& exchange, std::string_view server, GateAnswer& answer);
  void cancel(Exchange& exchange);
  net::Ms longest() const { return longest_; }

 private:
  struct Server {
    identity::Forward forward;
    ClientShare under_way;
  };
  // An answer by which requests pass: shared by all that it passes.
  struct Pass {
    std::shared_ptr<const FieldBlock> fields;  // null: none
    identity::FieldList cookies;
    std::shared_ptr<const identity::Caller> caller;  // null: nobody known
  };
  struct Known {
    std::shared_ptr<const Pass> pass;
    net::TimePoint until{};
    identity::ShownCredentials shown;
  };
  // Seeded, so that strangers cannot make digests that meet in one place.
  struct Key {
    identity::Digest digest{};
    std::uint64_t hash = 0;
    friend bool operator==(const Key& a, const Key& b) { return a.digest == b.digest; }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.hash; }
  };
  using Passes = base::LruTable<Key, Known, Hash>;
  struct Question {
    std::shared_ptr<Server> server;
    std::unique_ptr<AuthRequest> request;
    Key key;
    std::uint64_t client = 0;
    bool shared = false;               // others with the same digest wait for it, too
    identity::ShownCredentials shown;  // with shared
    std::uint64_t epoch = 0;
    std::vector<Exchange*> waiting;
  };
  // What came of a question.
  struct Result {
    std::shared_ptr<const Pass> pass;  // null: it does not pass
    bool for_all = false;              // also for those who only joined
    GateAnswer answer;                 // where it does not pass
    identity::AccessResult how = identity::AccessResult::unavailable;
  };

  std::shared_ptr<Server> find(std::string_view name) const;
  Gate::Verdict begin(Exchange& exchange, const std::shared_ptr<Server>& server, const Key& key,
                      bool shared, GateAnswer& answer);
  Key key_of(const Exchange& exchange, const identity::Forward& forward);
  AuthRequest::Asks asks_for(Exchange& exchange, const identity::Forward& forward) const;
  void on_answered(AuthRequest& request) override;
  Result result_of(const Question& question, AuthRequest::Answer& answer);
  std::optional<Result> refusal_of(const identity::Forward& forward, AuthRequest::Answer& answer);
  Result unusable(const Question& question, ForwardEnd end, std::string_view why);
  void deliver(Exchange& exchange, const Question& question, const Result& result, bool joined);
  void apply(Exchange& exchange, const std::shared_ptr<Server>& server, const Pass& pass);
  static GateAnswer unavailable();
  Gate::Verdict refuse(GateAnswer& answer);
  void leave(Question& question);
  void count(identity::AccessResult result) {
    metrics_.access_checks.increment(cells_, AccessProof::forward, result);
  }
  void count(ForwardEnd end) { metrics_.forward_requests.increment(cells_, end); }

  net::Turn& turn_;
  const ProxyMetrics& metrics_;
  base::Cells& cells_;
  std::uint64_t seed_;
  Judge& judge_;
  Told told_;
  identity::Sha256 sha256_;
  std::vector<std::shared_ptr<Server>> servers_;
  std::shared_ptr<const std::vector<std::string>> withheld_;  // null: no names
  net::Ms longest_{0};
  // Grows with each install() and forget(): what was asked before is not remembered.
  std::uint64_t epoch_ = 0;
  Passes known_;
  std::unordered_map<const AuthRequest*, Question> questions_;
  std::unordered_map<const Exchange*, const AuthRequest*> asks_;
  std::unordered_map<Key, const AuthRequest*, Hash> shared_;
  std::vector<Exchange*>* told_now_ = nullptr;  // those of an answer, meanwhile
};

}  // namespace marquee::proxy
