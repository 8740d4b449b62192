#include "app/limit_inspection.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>

#include "limits/given_key.hpp"

namespace marquee::app {
namespace {

constexpr std::size_t kMostUnderWay = 64;

// 1 tick is 62.5 ns, as the workers' gates count.
limits::Ticks now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count() / 125 * 2;
}

double seconds(limits::Ticks ticks) {
  return static_cast<double>(ticks) / static_cast<double>(limits::kTicksPerSecond);
}

admin::LimitCounter counter(limits::Ticks debt, const limits::Limit& limit, bool number_known) {
  admin::LimitCounter out;
  out.reset = seconds(debt);
  if (number_known)
    out.remaining =
        static_cast<std::uint32_t>(std::max<limits::Ticks>(limit.depth - debt, 0) / limit.unit);
  return out;
}

std::string_view unit_of(std::uint64_t seconds) {
  return seconds == 1 ? "s" : seconds == 60 ? "m" : seconds == 3600 ? "h" : "d";
}

admin::LimitRule rule_of(const limits::Rule& rule) {
  admin::LimitRule out;
  out.name = rule.name;
  const bool rows = rule.from != limits::RateFrom::settings;
  out.source = rows ? "rows" : "settings";
  if (rows)
    out.per = rule.seconds == 60 ? "minute" : rule.seconds == 3600 ? "hour" : "day";
  else if (!rule.concurrent)
    out.rate = std::to_string(rule.count) + "/" + std::string(unit_of(rule.seconds));
  if (!out.rate.empty()) out.burst = rule.limit.burst;
  out.cost = rule.cost;
  out.concurrent = rule.concurrent;
  for (const limits::Part part : rule.parts) out.key.emplace_back(limits::name(part));
  out.shadow = rule.shadow;
  out.fields = rule.fields;
  const auto sum = [&rule](limits::RuleResult result) {
    const auto& series = rule.results[static_cast<std::size_t>(result)];
    return series ? series->sum() : 0;
  };
  out.allowed = sum(limits::RuleResult::allowed);
  out.refused = sum(limits::RuleResult::refused);
  out.shadow_refused = sum(limits::RuleResult::shadow_refused);
  return out;
}

}  // namespace

// Of one counter: on the control thread, then on each worker in turn, then on the
// first, whose connection is asked, and back. One thread at a time has it.
class LimitInspection::Inquiry final : public limits::SharedCounters::Waiter {
 public:
  Inquiry(LimitInspection& owner, std::shared_ptr<const proxy::LimitPlan> plan, bool forget,
          Done done)
      : owner_(owner), plan_(std::move(plan)), forget_(forget), done_(std::move(done)) {}

  limits::Question question;
  admin::LimitKeyState state;
  bool number_known = true;

  void tell() { done_(std::move(state)); }

  void visit(std::vector<LimitService::Place> places, std::size_t at) {
    if (at == places.size()) return ask(places.front());
    const LimitService::Place place = places[at];
    place.worker->post([this, places = std::move(places), place, at]() mutable {
      const std::string_view key = question.key(question.charges.front());
      if (place.shared->leased()) {
        const auto held = place.shared->held(key);
        if (held.units != 0 || held.owed != 0)
          state.leases.push_back({static_cast<std::uint32_t>(at), held.units, held.owed});
        if (forget_) place.shared->let_go(key);
      }
      visit(std::move(places), at + 1);
    });
  }

 private:
  void ask(LimitService::Place place) {
    place.worker->post([this, place] {
      place_ = place;
      limits::Charge& charge = question.charges.front();
      limit_ = charge.limit;
      // What was used on credit stands above the depth, and a look must not cut it off.
      charge.limit.depth *= 2;
      charge.limit.burst *= 2;
      if (place_.shared->ask(question, *this, 0) == 0) finish();
    });
  }

  void on_counted(std::uint64_t tag, bool counted) override {
    limits::Charge& charge = question.charges.front();
    counted = counted && question.uncounted == 0;  // its master may be the one that is lost
    if (tag == 0 && counted) {
      state.redis = counter(charge.decision.reset, limit_, number_known);
      if (forget_) {
        place_.worker->post([this] {
          // A debt of at most nothing is written, and expires at once.
          question.charges.front().limit = {1, 0, 1};
          if (place_.shared->ask(question, *this, 1) == 0) lose();
        });
        return;
      }
    }
    counted ? finish() : lose();
  }

  void lose() {
    state.redis.reset();
    finish();
  }
  void finish() {
    boost::asio::post(owner_.control_, [this] { owner_.finished(*this); });
  }

  LimitInspection& owner_;
  std::shared_ptr<const proxy::LimitPlan> plan_;  // its rule
  bool forget_;
  Done done_;
  LimitService::Place place_;
  limits::Limit limit_;
};

LimitInspection::LimitInspection(boost::asio::io_context& control, LimitService& limits)
    : control_(control), limits_(limits) {}

LimitInspection::~LimitInspection() = default;

admin::LimitsStatus LimitInspection::limits() {
  admin::LimitsStatus out = limits_.status();
  if (const auto plan = limits_.in_force()) {
    out.on_failure = proxy::name(plan->on_failure);
    for (const limits::Rule& rule : plan->rules.rules()) out.rules.push_back(rule_of(rule));
  }
  return out;
}

void LimitInspection::look(admin::LimitKey key, Done done) { begin(key, false, std::move(done)); }
void LimitInspection::reset(admin::LimitKey key, Done done) { begin(key, true, std::move(done)); }

void LimitInspection::begin(const admin::LimitKey& key, bool forget, Done done) {
  const auto plan = limits_.in_force();
  auto inquiry = std::make_unique<Inquiry>(*this, plan, forget, std::move(done));
  admin::LimitKeyState& state = inquiry->state;
  const auto refuse = [&](unsigned status, std::string sentence) {
    state.status = status;
    state.problem = std::move(sentence);
    inquiry->tell();
  };
  const limits::Rule* const rule = plan ? plan->rules.find(key.rule) : nullptr;
  if (!rule)
    return refuse(404, "There is no rule of that name in force; GET /v1/limits lists them.");
  const bool by_row = rule->from != limits::RateFrom::settings;
  if (key.number != 0 && !by_row)
    return refuse(400, "limit= is for rules by rows; " + rule->name + " has its own rate.");
  std::vector<limits::GivenPart> given;
  for (const auto& [name, value] : key.parts) given.push_back({name, value});
  const auto places = limits_.places();
  if (const std::string fault =
          limits::given_key(*rule, given, key.number, !places.empty(), inquiry->question);
      !fault.empty())
    return refuse(400, fault + ".");
  inquiry->number_known = !by_row || key.number != 0;
  state.rule = rule->name;
  limits::Question& question = inquiry->question;
  if (rule->concurrent) {
    if (forget) return refuse(409, "Requests in flight are not forgotten: they end.");
    state.key = question.key(question.concurrent.front());
    state.concurrent = true;
    state.in_flight = limits_.store().in_flight(state.key);
    return inquiry->tell();
  }
  const limits::Charge& charge = question.charges.front();
  state.key = question.key(charge);
  const limits::Limit share = charge.limit.share(places.empty() ? 1 : limits_.nodes());
  state.local =
      counter(limits_.store().look(share, state.key, now()).reset, share, inquiry->number_known);
  if (forget) limits_.store().reset(state.key);
  if (places.empty()) return inquiry->tell();
  if (under_way_.size() >= kMostUnderWay)
    return refuse(503, "Too many questions about counters at once; ask again.");
  state.has_redis = true;
  under_way_.push_back(std::move(inquiry));
  under_way_.back()->visit(places, 0);
}

void LimitInspection::finished(Inquiry& inquiry) {
  const auto at = std::find_if(under_way_.begin(), under_way_.end(),
                               [&](const auto& one) { return one.get() == &inquiry; });
  const std::unique_ptr<Inquiry> ended = std::move(*at);
  under_way_.erase(at);
  ended->tell();
}

}  // namespace marquee::app
