#include "proxy/limit_gate.hpp"

#include <utility>

#include "identity/caller.hpp"
#include "identity/tenant_directory.hpp"
#include "limits/redis_cluster.hpp"
#include "limits/redis_script.hpp"
#include "proxy/exchange.hpp"
#include "proxy/http/accept.hpp"

namespace marquee::proxy {
namespace {

using limits::RuleResult;

constexpr std::size_t kKeptVisits = 1024;  // from a peak for the next one

std::string_view value_named(const http::RequestHead& request, std::string_view name) {
  for (const http::Field& f : request.fields)
    if (http::iequals(f.name, name)) return f.value;
  return {};
}

bool wants_page(const http::RequestHead& request) {
  return choose_error_format(value_named(request, "accept"),
                             value_named(request, "sec-fetch-dest")) == ErrorFormat::html;
}

limits::Asker asker_of(const Exchange& exchange, std::optional<base::IpAddress>& address) {
  const routing::Domain& domain = *exchange.plan()->domain;
  limits::Asker out;
  out.host_class = domain.host_class;
  // Names below the sites base, and www pairs, are told apart by what was asked for.
  out.domain = domain.host_class == routing::HostClass::site ? exchange.host() : domain.bare.text();
  out.agency = domain.agency.text();
  out.client = domain.client.text();
  out.site = domain.site.text();
  out.installation = domain.installation.text();
  if (out.site.empty()) out.site = exchange.module_site();  // on app hosts
  if (domain.record) {
    out.subscription = domain.record->subscription_status;
    out.plan = domain.record->agency_plan;
  }
  out.method = exchange.request().method_name;
  out.path = exchange.request().path;
  if (exchange.client_text() != exchange.facts().client_text)
    address = base::IpAddress::parse(exchange.client_text());  // named by a trusted proxy
  else if (exchange.facts().client_known)
    address = exchange.facts().client;
  out.address_text = exchange.client_text();
  if (const identity::Caller* const caller = exchange.caller()) {
    out.user = caller->user;
    out.api_key = caller->api_key.empty() ? caller->consumer : caller->api_key;
    out.rows.caller_minute = caller->limit_per_minute;
    out.rows.caller_day = caller->limit_per_day;
    if (!out.api_key.empty())
      out.identity = limits::Identity::api_key;
    else if (!caller->user.empty())
      out.identity = limits::Identity::user;
  }
  if (const identity::ApiRoute* const route = exchange.api_route()) {
    out.api_route = route->id;
    out.rows.route_minute = route->per_minute;
  }
  out.origin = exchange.verified_origin().name;
  out.rows.origin_hour = exchange.verified_origin().per_hour;
  if (address) out.address = &*address;
  return out;
}

std::string_view tenant_of(const routing::Domain& domain) {
  return domain.agency.present() ? domain.agency.text() : domain.bare.text();
}

void tell(Exchange& exchange, const limits::AnswerFields& fields) {
  if (fields.empty()) return;
  exchange.set_response_field("RateLimit-Policy", fields.policy);
  exchange.set_response_field("RateLimit", fields.state);
  exchange.set_response_field("X-RateLimit-Limit", fields.limit);
  exchange.set_response_field("X-RateLimit-Remaining", fields.remaining);
  exchange.set_response_field("X-RateLimit-Reset", fields.reset);
  if (!fields.retry_after.empty()) exchange.set_response_field("Retry-After", fields.retry_after);
}

}  // namespace

std::string_view name(LimitFallback how) {
  constexpr std::string_view names[] = {"local", "open", "closed"};
  return names[static_cast<std::size_t>(how)];
}

LimitMetrics::LimitMetrics(base::Registry& r)
    : fallbacks(r.counter<LimitFallback>(
          {"marquee_limits_fallbacks_total",
           "Requests decided without the common store, because it did not answer."},
          base::axis("how", LimitFallback::closed))),
      decisions(r.growing({"marquee_limits_decisions_total",
                           "Requests that met a rate limit's rule, by rule and result."},
                          base::MetricKind::counter, {"rule", "result"})) {}

std::shared_ptr<const LimitPlan> make_limit_plan(const config::Settings& settings,
                                                 const LimitMetrics& metrics,
                                                 base::Registry& registry) {
  const bool tags = settings.rate_limits.redis.given();
  auto plan = std::make_shared<LimitPlan>(
      LimitPlan{limits::RuleSet(settings.rate_limits, limits::row_rules(settings), tags),
                LimitFallback::local});
  plan->on_failure = static_cast<LimitFallback>(settings.rate_limits.on_failure);
  for (limits::Rule& rule : plan->rules.rules())
    for (std::size_t i = 0; i < static_cast<std::size_t>(RuleResult::count_); ++i)
      rule.results[i] = registry.series(
          metrics.decisions, {rule.name, std::string(limits::name(static_cast<RuleResult>(i)))});
  return plan;
}

LimitGate::LimitGate(net::Turn& turn, limits::LocalStore& store, limits::SharedCounters* shared,
                     const LimitMetrics& metrics, base::Cells& cells, std::size_t worker)
    : turn_(turn),
      store_(store),
      shared_(shared),
      metrics_(metrics),
      cells_(cells),
      worker_(worker) {}

LimitGate::~LimitGate() = default;

// 1 tick is 62.5 ns.
limits::Ticks LimitGate::now() const {
  const auto since = turn_.now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count() / 125 * 2;
}

void LimitGate::count(const limits::Rule& rule, RuleResult result) {
  if (const auto& series = rule.results[static_cast<std::size_t>(result)])
    series->cell(worker_).add(1);
}

Gate::Verdict LimitGate::enter(Exchange& exchange, GateAnswer& answer) {
  if (!plan_ || plan_->rules.empty()) return Verdict::pass;
  std::optional<base::IpAddress> address;
  plan_->rules.collect(asker_of(exchange, address), question_);
  if (question_.empty()) return Verdict::pass;
  if (!question_.concurrent.empty() && !take_seats(exchange, question_, answer))
    return Verdict::refuse;
  if (question_.charges.empty()) return Verdict::pass;
  if (shared_ && !shared_->leased()) return ask(exchange, answer);
  if (shared_) {
    if (const auto verdict = shared_->decide_now(question_); verdict && question_.uncounted != 0)
      return fall_back_partly(exchange, *plan_, question_, answer);
    else if (verdict)
      return conclude(exchange, question_, verdict->refused_by, answer);
    return fall_back(exchange, *plan_, question_, answer);
  }
  const limits::Verdict verdict = store_.decide(question_, now());
  return conclude(exchange, question_, verdict.refused_by, answer);
}

Gate::Verdict LimitGate::ask(Exchange& exchange, GateAnswer& answer) {
  Visit& v = visit(exchange);
  std::swap(v.question, question_);
  const auto tag = static_cast<std::uint64_t>(v.generation) << 32 | v.place;
  v.ticket = shared_->ask(v.question, *this, tag);
  if (v.ticket == 0) {
    const Verdict verdict = fall_back(exchange, *plan_, v.question, answer);
    if (v.seats.empty()) end(v);
    return verdict;
  }
  v.plan = plan_;
  ++waiting_;
  return Verdict::wait;
}

void LimitGate::on_counted(std::uint64_t tag, bool counted) {
  const auto place = static_cast<std::uint32_t>(tag);
  if (place >= visits_.size() || visits_[place]->generation != tag >> 32) return;
  Visit& v = *visits_[place];
  Exchange& exchange = *v.exchange;
  const std::shared_ptr<const LimitPlan> plan = std::move(v.plan);
  v.ticket = 0;
  --waiting_;
  GateAnswer answer;
  const Verdict verdict =
      counted && v.question.uncounted != 0 ? fall_back_partly(exchange, *plan, v.question, answer)
      : counted ? conclude(exchange, v.question, limits::refused_by(v.question), answer)
                : fall_back(exchange, *plan, v.question, answer);
  if (v.seats.empty()) end(v);
  exchange.gate_decided(verdict, std::move(answer));
}

// The share of this node, where the limit itself belongs to all of them.
Gate::Verdict LimitGate::fall_back(Exchange& exchange, const LimitPlan& plan,
                                   limits::Question& question, GateAnswer& answer) {
  metrics_.fallbacks.increment(cells_, plan.on_failure);
  if (plan.on_failure == LimitFallback::open) return Verdict::pass;
  if (plan.on_failure == LimitFallback::closed) {
    bool enforced = false;
    for (const limits::Charge& c : question.charges) enforced |= !c.rule->shadow;
    if (!enforced) return Verdict::pass;
    answer.content.status = 503;
    answer.cause = RefusalCause::limits_unavailable;
    return Verdict::refuse;
  }
  const limits::Verdict verdict = store_.decide(question, now(), shared_->nodes());
  return conclude(exchange, question, verdict.refused_by, answer);
}

// One master of several does not answer: what the others have decided stands.
Gate::Verdict LimitGate::fall_back_partly(Exchange& exchange, const LimitPlan& plan,
                                          limits::Question& question, GateAnswer& answer) {
  const std::uint64_t uncounted = std::exchange(question.uncounted, 0);
  std::vector<limits::Charge> rest;
  limits::take_out(question, ~uncounted, rest);
  const int refused_by = limits::refused_by(question);
  if (refused_by >= 0) {
    metrics_.fallbacks.increment(cells_, plan.on_failure);
    return conclude(exchange, question, refused_by, answer);
  }
  std::vector<limits::Charge> decided = std::exchange(question.charges, std::move(rest));
  if (plan.on_failure != LimitFallback::local) {
    const Verdict verdict = fall_back(exchange, plan, question, answer);
    if (verdict != Verdict::pass) return verdict;
    question.charges = std::move(decided);
    return conclude(exchange, question, -1, answer);
  }
  metrics_.fallbacks.increment(cells_, plan.on_failure);
  store_.decide(question, now(), shared_->nodes());
  std::swap(question.charges, decided);
  limits::put_back(question, ~uncounted, decided);
  return conclude(exchange, question, limits::refused_by(question), answer);
}

Gate::Verdict LimitGate::conclude(Exchange& exchange, const limits::Question& question,
                                  int refused_by, GateAnswer& answer) {
  bool told = false;  // an allowed answer says how much is left
  for (const limits::Charge& c : question.charges) {
    told |= c.rule->fields && !c.rule->shadow;
    if (!c.decision.allowed)
      count(*c.rule, c.rule->shadow ? RuleResult::shadow_refused : RuleResult::refused);
    else if (refused_by < 0)
      count(*c.rule, RuleResult::allowed);
  }
  if (refused_by < 0 && !told) return Verdict::pass;
  const auto fields = limits::answer_fields(question, refused_by, turn_.wall_ms());
  if (refused_by < 0) {
    tell(exchange, fields);
    return Verdict::pass;
  }
  const limits::Rule& rule = *question.charges[static_cast<std::size_t>(refused_by)].rule;
  return refuse(exchange, rule, RefusalCause::rate_limited, fields, answer);
}

Gate::Verdict LimitGate::refuse(Exchange& exchange, const limits::Rule& rule, RefusalCause cause,
                                const limits::AnswerFields& fields, GateAnswer& answer) {
  tell(exchange, fields);
  exchange.set_refusing_limit(rule.name);
  top_.add(rule.name, tenant_of(*exchange.plan()->domain));
  answer.cause = cause;
  answer.content.status = 429;
  if (wants_page(exchange.request())) return Verdict::refuse;
  answer.content.content_type = "application/json";
  answer.content.body = limits::refusal_json(rule, fields);
  answer.content.fields.emplace_back("Cache-Control", "no-store");
  answer.content.fields.emplace_back("Vary", "Accept");
  return Verdict::refuse;
}

// In flight until the exchange has left the gates. What a refused one had taken it
// gives back there, too.
bool LimitGate::take_seats(Exchange& exchange, limits::Question& question, GateAnswer& answer) {
  for (const limits::Charge& c : question.concurrent) {
    limits::LocalStore::Seat seat;
    if (store_.enter(*c.rule, question.key(c), seat)) {
      count(*c.rule, RuleResult::allowed);
      if (seat.cell) visit(exchange).seats.push_back(seat);
      continue;
    }
    count(*c.rule, c.rule->shadow ? RuleResult::shadow_refused : RuleResult::refused);
    if (c.rule->shadow) continue;
    refuse(exchange, *c.rule, RefusalCause::too_many_in_flight,
           limits::concurrent_fields(*c.rule, turn_.wall_ms()), answer);
    return false;
  }
  return true;
}

LimitGate::Visit& LimitGate::visit(Exchange& exchange) {
  const auto [at, fresh] = by_exchange_.try_emplace(&exchange, 0);
  if (!fresh) return *visits_[at->second];
  if (free_.empty()) {
    free_.push_back(visits_.size());
    visits_.push_back(std::make_unique<Visit>());
  }
  at->second = free_.back();
  free_.pop_back();
  Visit& v = *visits_[at->second];
  v.place = at->second;
  v.exchange = &exchange;
  return v;
}

void LimitGate::end(Visit& v) {
  by_exchange_.erase(v.exchange);
  v.exchange = nullptr;
  ++v.generation;
  if (v.place >= kKeptVisits) v.question = {};
  free_.push_back(v.place);
}

void LimitGate::cancel(Exchange& exchange) {
  const auto found = by_exchange_.find(&exchange);
  if (found == by_exchange_.end()) return;
  Visit& v = *visits_[found->second];
  if (v.ticket == 0) return;
  shared_->cancel(std::exchange(v.ticket, 0));
  v.plan.reset();
  --waiting_;
  if (v.seats.empty()) end(v);
}

void LimitGate::left(Exchange& exchange) {
  if (by_exchange_.empty()) return;
  const auto found = by_exchange_.find(&exchange);
  if (found == by_exchange_.end()) return;
  Visit& v = *visits_[found->second];
  for (const limits::LocalStore::Seat seat : v.seats) store_.leave(seat);
  v.seats.clear();
  end(v);
}

}  // namespace marquee::proxy
