// One request and its answer, top to bottom: the file to read first.
//
// An exchange stands between a client's stream (h1 connection, h2 stream) and an
// upstream end (a pool's connection, or an answer of our own). It is told events
// and acts on its two ends by direct calls (ends.hpp has the rules). It holds no
// socket and reads no clock: time is the worker's turn.
//
//   exchange.cpp           head -> policies -> upstream chosen -> sent
//   exchange_route.cpp     host -> domain, perhaps after a look-up
//   exchange_gates.cpp     paths of our own; who asks, how often: may wait
//   exchange_response.cpp  answer's head edited, body streamed back
//   exchange_filters.cpp   the filters between the two, for answers that have any
//   exchange_end.cpp       failures, retries, time limits, the one record
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hostname.hpp"
#include "net/turn.hpp"
#include "proxy/arena.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/edge_paths.hpp"
#include "proxy/ends.hpp"
#include "proxy/filter/filter_chain.hpp"
#include "proxy/floor_window.hpp"
#include "proxy/gate.hpp"
#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/local_answer.hpp"
#include "proxy/outcome.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/response_head_editor.hpp"
#include "proxy/route_table.hpp"
#include "proxy/services.hpp"
#include "proxy/snapshot_slot.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::identity {
struct ApiRoute;
struct Caller;
}  // namespace marquee::identity

namespace marquee::proxy {

// Body bytes read and thrown away behind an answer of our own, so that the
// connection can be kept.
inline constexpr std::uint64_t discard_bound = 256u << 10;

class Exchange final : public UpstreamRequest,
                       public net::Expiring,
                       private ChainOwner,
                       private BodySink,
                       private RouteTable::Waiter {
 public:
  explicit Exchange(Services& services);
  ~Exchange() override = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // A fresh request of `client`. `facts` outlives the exchange's use.
  void begin(ClientEnd& client, ConnectionFacts& facts);
  // Ends its use: nothing is called back after this. Recorded, if it was not yet.
  void reset();

  // --- Told by the client's end -------------------------------------------
  void on_request_head();              // request() was parsed and judged
  void refuse(http::Refusal refusal);  // head or body broke the rules
  void refuse(RefusalCause cause, unsigned status);
  void break_off(http::Refusal refusal);  // refused without an answer: the stream is reset
  std::size_t on_request_body(const BodySlice& slice);
  void on_request_end(http::FieldTable* trailers);  // which live until reset()
  void on_client_writable();
  void on_client_lost(ClientLoss how);

  // --- Told by the upstream's end and its pool (upstream_request.hpp) --------
  void on_upstream_ready(UpstreamEnd& upstream, const UpstreamFacts& facts) override;
  void on_upstream_unavailable(UpstreamFailure why) override;
  void on_response_interim() override;
  void on_response_head() override;
  std::size_t on_response_body(const BodySlice& slice) override;
  void on_response_end(http::FieldTable* trailers) override;
  void on_upstream_failed(UpstreamFailure why,
                          http::Refusal refusal = http::Refusal::none) override;
  void on_upstream_writable() override;
  std::uint64_t tenant() const override;
  const std::shared_ptr<BodyBacklog>& backlog() const override { return services_.backlog; }

  void on_deadline(net::Deadline& which) override;

  // --- Told by gates (proxy/gate.hpp) --------------------------------------
  // After Verdict::wait, never from within enter().
  void gate_decided(Gate::Verdict verdict, GateAnswer answer = {});
  // To the upstream, beside what Marquee itself sets; copied.
  void set_request_field(std::string_view name, std::string_view value);
  // The same, of many; held. At most one block.
  void set_request_fields(std::shared_ptr<const FieldBlock> fields);
  // Names in lower case that the client may not say to the upstream: taken out of its
  // head now, and of its trailers when they leave.
  void withhold(const std::shared_ptr<const std::vector<std::string>>& names);
  // Names in lower case of fields that somebody has judged: the client says no more
  // under these behind its body.
  void set_judged(std::shared_ptr<const std::vector<std::string>> names);
  // In every answer to this request, also one of our own, in place of the
  // upstream's fields of that name (but for Set-Cookie, which is added); an empty value
  // only removes those. Copied.
  void set_response_field(std::string_view name, std::string_view value);
  // In every final answer: Vary names Origin, beside what is there.
  void vary_on_origin() { varies_on_origin_ = true; }
  // Of an upstream's answer: who may frame it, whatever it says itself; copied.
  void set_frame_ancestors(std::string_view value) { frame_ancestors_ = arena_.copy(value); }
  // Another pool (an index into Settings::upstreams) than the domain's. `target`,
  // copied: what the upstream is asked for; empty: as the domain says.
  void send_to(std::uint32_t pool, std::string_view target = {});
  // Of that name in the settings that this request runs under; null: there is none.
  std::shared_ptr<UpstreamPool> pool_named(std::string_view name) const;
  // Who asks, as far as a gate has found out; null: nobody known.
  void set_caller(std::shared_ptr<const identity::Caller> caller) { caller_ = std::move(caller); }
  const identity::Caller* caller() const { return caller_.get(); }
  // A rule or a server let this request in that does not let in everybody.
  void set_admitted() { admitted_ = true; }
  // The row of a module's API that this request is for, with its limit per minute and
  // its cache time for whoever keeps them; null: none.
  void set_api_route(std::shared_ptr<const identity::ApiRoute> route) {
    api_route_ = std::move(route);
  }
  const identity::ApiRoute* api_route() const { return api_route_.get(); }
  // The rate limit's rule that refused the request; copied.
  void set_refusing_limit(std::string_view rule) { refusing_limit_ = arena_.copy(rule); }
  std::string_view refusing_limit() const { return refusing_limit_; }
  // The site whose module this is for, where the domain does not say it; copied.
  void set_module_site(std::string_view site) { module_site_ = arena_.copy(site); }
  std::string_view module_site() const { return module_site_; }
  // A call of a module's API that is to be recorded; copied.
  struct ModuleCall {
    std::string_view module;
    std::string_view site;
    std::string_view installation;
    std::string_view path;  // within the API
  };
  void set_module_call(const ModuleCall& call);
  const ModuleCall* module_call() const { return is_module_call_ ? &module_call_ : nullptr; }
  // The module that this is for, where the domain leaves it open; copied. It goes into
  // the tenant context.
  void set_module_served(const ServedModule& module) {
    module_served_ = {arena_.copy(module.module), arena_.copy(module.installation),
                      arena_.copy(module.site), arena_.copy(module.agency)};
  }
  // The verified origin that a page's request comes from, as MODULE/NAME, copied, and
  // how many an hour its row allows; 0: it does not say.
  struct VerifiedOrigin {
    std::string_view name;
    std::uint32_t per_hour = 0;
  };
  void set_verified_origin(VerifiedOrigin origin) {
    verified_origin_ = {arena_.copy(origin.name), origin.per_hour};
  }
  const VerifiedOrigin& verified_origin() const { return verified_origin_; }

  // --- Asked by ends and sinks --------------------------------------------
  bool active() const { return client_ != nullptr; }
  // What is left of the request body is cheaper to read than a new connection.
  bool rest_is_small() const;
  bool request_complete() const { return request_complete_; }
  bool upstream_asked() const { return opening_ || request_sent_; }
  bool answer_begun() const { return answer_ != Answer::waiting; }
  bool answer_complete() const { return answer_ == Answer::complete; }
  const Outcome& outcome() const { return outcome_; }
  ConnectionFacts& facts() const { return *facts_; }
  const DomainPlan* plan() const { return plan_; }
  std::string_view host() const { return host_; }
  // Behind a trusted proxy whom that one names; empty before there was a head.
  std::string_view client_text() const { return client_text_; }
  const RequestIds& ids() const { return ids_; }
  // Only before the request was sent: afterwards the settings may be gone.
  const config::Settings& settings() const { return pin_->shared->settings(); }
  Services& services() { return services_; }
  std::size_t place = 0;  // in its pool

  // After a reload: keeps what it still needs by itself and lets the old
  // settings go, so that a long body or tunnel does not hold them.
  void leave_snapshot();

 private:
  enum class Answer : std::uint8_t { waiting, streaming, complete };
  // What the filters of this answer do.
  enum class Filtering : std::uint8_t {
    off,         // there are none: bytes go straight to the client
    head_waits,  // one has not decided yet; the upstream is paused
    on,          // the body goes through the chain
  };

  // exchange_route.cpp
  enum class Authority : std::uint8_t { allowed, refused, pending };
  bool route();
  RouteTable::Found look_up(std::string_view host);
  Authority authority(const RouteTable::Found& found);
  void refuse_route(const RouteTable::Found& found);
  void wait_for_route();
  void stop_waiting();
  void on_route_known() override;
  void let_go_of_route();
  void close_if_moved();

  // exchange_gates.cpp
  bool answer_at_edge(EdgePaths::When when) {
    return services_.edge_paths.may_hold(request_.path) && find_at_edge(when);
  }
  bool find_at_edge(EdgePaths::When when);
  void answer_for(GateAnswer answer);
  void pass_gates();
  void stop_waiting_at_gate();
  void leave_gates();
  bool ends_answer(const BodySlice& slice) const;
  void drop_withheld(http::FieldTable& fields) const;
  void send_request_end();
  bool is_said_before(std::string_view name) const;
  void read_on_if_answered();

  // exchange.cpp
  void proceed();
  std::string_view host_for_upstream() const;
  bool apply_policies();
  void choose_upstream();
  void send_request();
  void keep_for_retry(const BodySlice& slice);

  // exchange_response.cpp
  void edit_response();
  void apply_plan();
  Audience audience() const;
  void cache_as_route_says();
  void put_fields_of_gates();
  void keep_own_policy();
  bool becomes_page() const;
  void replace_by_page();
  void send_response_head();
  bool tunnel_proven() const;
  std::size_t to_client(const BodySlice& slice);
  void end_response(http::FieldTable* trailers);
  void start_tunnel();

  // exchange_filters.cpp
  bool filters_hold_head();
  std::size_t filter_body(const BodySlice& slice);
  void end_filtered(http::FieldTable* trailers);
  void keep_trailers(const http::FieldTable* trailers);
  void filter_failed();
  bool filters_are_late() const;
  void drop_filters() {
    if (chain_) end_filtering();
  }
  void end_filtering();
  void on_chain_resume() override;
  void on_chain_head(HeadVerdict verdict) override;
  std::size_t on_body(const BodySlice& slice) override;
  void on_failed(const base::Failure& failure) override;

  // exchange_end.cpp
  void answer_locally(LocalContent content);
  void answer_error(unsigned status, std::string_view retry_after = {});
  const Snapshot& newest_known() const;
  bool may_retry(UpstreamFailure why) const;
  void fail_upstream(UpstreamFailure why);
  void drop_upstream(bool at_fault = false);
  void give_back_upstream();
  void break_client();
  void finish();
  void arm_upstream(net::Ms length) {
    turn_.deadlines().arm(upstream_time_, *this, length, turn_.now());
  }
  // The request has moved on, and the upstream's time begins again; a filter's
  // does not.
  void arm_for_answer() {
    if (answer_ == Answer::waiting)
      arm_upstream(first_byte_);
    else if (!filters_are_late())
      arm_upstream(read_idle_);
  }
  // Only until the answer's head is out: then the two directions may pause for
  // each other (a bidirectional stream), and read_idle holds for both together.
  bool request_floor_holds() const {
    return !request_complete_ &&
           (answer_ == Answer::waiting || filtering_ == Filtering::head_waits || local_.active());
  }
  void on_body_window();
  void arm_body_window() {
    turn_.deadlines().arm(body_time_, *this, FloorWindow::part(timeouts_), turn_.now());
  }
  // Answer bytes that the client itself has taken; what waits in the kernel is not
  // its merit. May be below zero: heads and framing wait there too.
  std::int64_t taken_by_client() const {
    return static_cast<std::int64_t>(outcome_.bytes_out) -
           static_cast<std::int64_t>(client_->untaken());
  }

  Services& services_;
  net::Turn& turn_;
  ClientEnd* client_ = nullptr;
  ConnectionFacts* facts_ = nullptr;
  UpstreamEnd* upstream_ = nullptr;
  UpstreamPool* pool_ = nullptr;
  bool opening_ = false;  // pool_->open() has not answered yet
  LocalAnswer local_;

  LocalSnapshot* pin_ = nullptr;
  const DomainPlan* plan_ = nullptr;
  RouteTable::Entry* route_ = nullptr;  // held: the plan is a row's of the directory
  RouteTable::Ticket waiting_for_route_ = 0;
  GateSet gates_ahead_;    // of its plan, not yet entered
  GateSet gates_entered_;  // and not left
  std::optional<GateKind> waits_at_;
  static constexpr std::uint32_t domains_own_pool = ~0u;
  std::uint32_t chosen_pool_ = domains_own_pool;
  std::shared_ptr<const identity::Caller> caller_;
  std::shared_ptr<const identity::ApiRoute> api_route_;
  std::shared_ptr<const FieldBlock> request_fields_of_gates_;
  std::shared_ptr<const std::vector<std::string>> withheld_;  // null: none
  std::shared_ptr<const std::vector<std::string>> judged_;    // likewise
  std::string_view module_site_;
  std::string_view refusing_limit_;
  ServedModule module_served_;
  ModuleCall module_call_;
  bool is_module_call_ = false;
  VerifiedOrigin verified_origin_;
  std::vector<AddedField> response_fields_of_gates_;
  bool admitted_ = false;
  bool varies_on_origin_ = false;
  std::string_view frame_ancestors_;
  std::shared_ptr<const DomainPlan> kept_plan_;  // after leave_snapshot()
  std::shared_ptr<UpstreamPool> kept_pool_;
  config::Timeouts timeouts_;  // a copy: outlives the snapshot
  config::Ms first_byte_{};
  config::Ms read_idle_{};

  bool request_complete_ = false;
  bool request_sent_ = false;  // head handed to an upstream at least once
  http::FieldTable* trailers_ = nullptr;
  bool request_paused_ = false;   // the upstream takes no more
  bool response_paused_ = false;  // the client takes no more
  bool body_kept_ = true;         // all sent body bytes are in kept_body_
  Answer answer_ = Answer::waiting;
  Filtering filtering_ = Filtering::off;
  bool chain_stopped_ = false;   // the chain took less than was offered
  bool body_given_ = false;      // the chain has the body's end
  bool source_ended_ = false;    // the upstream's answer is complete
  bool body_delivered_ = false;  // the client has the body's end
  bool bare_end_ = false;        // no trailers come behind it
  std::uint32_t interim_ = 0;
  std::uint64_t body_to_upstream_ = 0;
  std::uint64_t discarded_ = 0;
  FloorWindow window_in_;   // of the request's body
  FloorWindow window_out_;  // of the answer's, by taken_by_client()

  net::Deadline route_time_;     // while a look-up is waited for
  net::Deadline gate_time_;      // while a gate is
  net::Deadline upstream_time_;  // first byte, then idle
  net::Deadline total_time_;
  net::Deadline body_time_;  // the body floor's window

  Additions request_additions_;
  TenantContext::Block tenant_fields_;  // one of their blocks, held
  Additions response_additions_;
  RequestIds ids_;
  Arena arena_;
  std::optional<FilterChain> chain_;
  ResponseHeadEditor head_editor_{response_, response_additions_, arena_};
  std::uint64_t promised_ = 0;  // body bytes that the sent head still owes
  std::size_t owed_ = 0;        // offered to the client and not taken yet
  http::FieldTable* answer_trailers_ = nullptr;
  std::unique_ptr<http::FieldTable> kept_trailers_;  // their upstream is gone
  char host_buffer_[base::kMaxHostname + 1];
  std::string_view host_;    // normalised
  std::string_view target_;  // as the upstream sees it
  std::string_view client_text_;
  net::Block kept_body_;
  std::size_t kept_size_ = 0;
  Outcome outcome_;
};

}  // namespace marquee::proxy
