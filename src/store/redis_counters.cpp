#include "store/redis_counters.hpp"

#include <chrono>

namespace marquee::store {
namespace {

constexpr net::Ms kProbeEach{100};
constexpr net::Ms kHeartbeatEach{1000};
constexpr std::string_view kNodeLives = "5";  // seconds
constexpr std::size_t kMostWaiting = 32'768;
constexpr unsigned kKindBits = 3;
constexpr std::size_t kMostLeases = 16'384;

// 1 tick is 62.5 ns.
limits::Ticks ticks_of(net::TimePoint when) {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count() / 125 * 2;
}

}  // namespace

std::string_view name(RedisFailure failure) {
  constexpr std::string_view names[] = {"timeout", "lost", "error", "protocol", "busy"};
  return names[static_cast<std::size_t>(failure)];
}

RedisCounterMetrics::RedisCounterMetrics(base::Registry& r)
    : round_trip(r.histogram<>(
          {"marquee_limits_redis_round_trip_seconds", "From a question to Redis to its answer.",
           1e-6},
          {50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000, 1'000'000})),
      failures(r.counter<RedisFailure>(
          {"marquee_limits_redis_failures_total", "Questions that Redis failed, by kind."},
          base::axis("kind", RedisFailure::busy))),
      breaker_opened(r.counter<>({"marquee_limits_redis_breaker_opened_total",
                                  "Times that a worker stopped asking Redis."})),
      credited(r.counter<>({"marquee_limits_credited_total",
                            "Units of leased limits that were used before Redis had lent them."})),
      ready(r.gauge<>({"marquee_limits_redis_ready_workers", "Workers that ask Redis now."})) {}

RedisCounters::RedisCounters(net::Worker& worker, net::RedisSettings settings, RedisFleet& fleet,
                             bool heartbeat, const RedisCounterMetrics& metrics, base::Cells& cells,
                             base::Logger& logger)
    : worker_(worker),
      fleet_(fleet),
      heartbeat_(heartbeat),
      metrics_(metrics),
      cells_(cells),
      logger_(logger),
      breaker_(std::chrono::microseconds(fleet.timeout).count()),
      leases_(kMostLeases, {random_.next(), random_.next()}),
      link_(worker, *this, std::move(settings), random_) {}

RedisCounters::~RedisCounters() = default;

std::int64_t RedisCounters::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             worker_.turn().now().time_since_epoch())
      .count();
}

limits::SharedCounters::Ticket RedisCounters::ask(limits::Question& question, Waiter& waiter,
                                                  std::uint64_t tag) {
  if (!breaker_.closed()) return 0;
  if (free_.empty()) {
    if (slots_.size() >= kMostWaiting) {
      metrics_.failures.increment(cells_, RedisFailure::busy);
      return 0;
    }
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t at = free_.back();
  Slot& slot = slots_[at];
  slot.question = &question;
  slot.waiter = &waiter;
  slot.tag = tag;
  slot.by_text = fleet_.leased;  // the script that was loaded is the other one
  if (!send(at)) {
    slot.question = nullptr;
    metrics_.failures.increment(cells_, RedisFailure::busy);
    return 0;
  }
  free_.pop_back();
  ++slot.generation;
  slot.busy = true;
  net::Turn& turn = worker_.turn();
  slot.sent = turn.now();
  turn.deadlines().arm(slot.late, *this, fleet_.timeout, turn.now());
  return static_cast<std::uint64_t>(at + 1) << 32 | slot.generation;
}

std::optional<limits::Verdict> RedisCounters::decide_now(limits::Question& question) {
  if (!breaker_.closed()) return std::nullopt;
  net::Turn& turn = worker_.turn();
  const std::uint64_t before = leases_.credited();
  const limits::Verdict out{
      leases_.decide(question, ticks_of(turn.now()), nodes() * fleet_.workers)};
  metrics_.credited.add(cells_, leases_.credited() - before);
  limits::LeaseBook::Loan loan;
  while (leases_.next_loan(loan)) {
    const std::string key = limits::redis_key(fleet_.key_prefix, loan.tag, loan.key);
    const std::string depth = std::to_string(loan.limit.depth);
    const std::string unit = std::to_string(loan.limit.unit);
    const std::string owed = std::to_string(loan.owed);
    const std::string want = std::to_string(loan.want);
    const std::string_view words[] = {"EVALSHA", script_, "1", key, depth, unit, owed, want};
    if (!link_.send(words, static_cast<std::uint64_t>(Kind::lease))) {
      leases_.lost(loan.id);
      continue;
    }
    if (loans_.empty()) turn.deadlines().arm(loan_time_, *this, fleet_.timeout, turn.now());
    loans_.push_back({loan.id, turn.now()});
  }
  return out;
}

void RedisCounters::lent(const net::RedisReply& reply) {
  if (loans_.empty()) return;
  const Loan loan = loans_.front();
  loans_.pop_front();
  const net::TimePoint now = worker_.turn().now();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - loan.sent).count();
  metrics_.round_trip.observe(cells_, static_cast<std::uint64_t>(took));
  if (reply.type == net::RedisReply::Type::array && !reply.odd && reply.count == 2 &&
      reply.items[0] >= 0 && reply.items[1] >= 0)
    return leases_.granted(loan.id, reply.items[0], reply.items[1], ticks_of(now));
  leases_.lost(loan.id);
  if (reply.is_error("NOSCRIPT"))
    return send_words({"SCRIPT", "LOAD", limits::kLeaseScript}, Kind::script);
  complain(reply);
  fail(failure_of(reply));
}

// Of a link that is gone: no reply will come.
void RedisCounters::lose_loans() {
  loan_time_.disarm();
  loans_.clear();
  leases_.forget();
}

void RedisCounters::complain(const net::RedisReply& reply) {
  if (fleet_.complained.exchange(true)) return;
  const bool error = reply.type == net::RedisReply::Type::error;
  logger_.warn("Redis does not count rate limits",
               {{"reason", error ? reply.text : std::string("its answer makes no sense")}});
}

RedisFailure RedisCounters::failure_of(const net::RedisReply& reply) {
  return reply.type == net::RedisReply::Type::error ? RedisFailure::error : RedisFailure::protocol;
}

void RedisCounters::cancel(Ticket ticket) {
  const std::size_t at = static_cast<std::size_t>(ticket >> 32) - 1;
  if (ticket == 0 || at >= slots_.size()) return;
  Slot& slot = slots_[at];
  if (slot.generation != static_cast<std::uint32_t>(ticket) || !slot.busy) return;
  slot.question = nullptr;
  slot.late.disarm();
}

bool RedisCounters::send(std::size_t at) {
  Slot& slot = slots_[at];
  call_.compose(*slot.question, fleet_.key_prefix,
                slot.by_text ? limits::kDecideScript : std::string_view(script_), !slot.by_text);
  return link_.send(call_.words(), at << kKindBits | static_cast<std::uint64_t>(Kind::ask));
}

void RedisCounters::send_words(std::initializer_list<std::string_view> words, Kind kind) {
  link_.send({words.begin(), words.size()}, static_cast<std::uint64_t>(kind));
}

// Without its script's name no question can be asked, so that comes first.
void RedisCounters::on_redis_up() {
  script_.clear();
  send_words({"SCRIPT", "LOAD", fleet_.leased ? limits::kLeaseScript : limits::kDecideScript},
             Kind::script);
  if (heartbeat_) send_words({"SCRIPT", "LOAD", limits::kNodesScript}, Kind::nodes_script);
}

void RedisCounters::on_redis_down(std::string_view why) {
  breaker_.probe_lost();
  if (!fleet_.complained.exchange(true))
    logger_.warn("Redis does not count rate limits", {{"reason", std::string(why)}});
  std::size_t lost = 0;
  for (const Slot& slot : slots_) lost += slot.busy && slot.question ? 1 : 0;
  if (lost > 0) metrics_.failures.add(cells_, lost, RedisFailure::lost);
  if (breaker_.failed()) {
    metrics_.breaker_opened.increment(cells_);
    metrics_.ready.set(cells_, 0);
  }
  give_up();
  lose_loans();
  // No reply is due any more.
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].busy) continue;
    slots_[i].busy = false;
    free_.push_back(i);
  }
}

void RedisCounters::on_redis_reply(std::uint64_t tag, const net::RedisReply& reply) {
  using Type = net::RedisReply::Type;
  switch (static_cast<Kind>(tag & ((1u << kKindBits) - 1))) {
    case Kind::ask:
      return answered(tag >> kKindBits, reply);
    case Kind::script:
      if (reply.type != Type::text) return link_.drop("it does not take scripts: " + reply.text);
      script_ = reply.text;
      return probe();
    case Kind::nodes_script:
      nodes_script_ = reply.type == Type::text ? reply.text : std::string();
      return ask_for_nodes();
    case Kind::lease:
      return lent(reply);
    case Kind::nodes:
      if (reply.is_error("NOSCRIPT"))
        send_words({"SCRIPT", "LOAD", limits::kNodesScript}, Kind::nodes_script);
      if (reply.type == Type::integer && reply.integer > 0 && reply.integer < 10'000)
        fleet_.nodes.store(static_cast<std::uint32_t>(reply.integer), std::memory_order_relaxed);
      return;
    case Kind::probe:
      if (reply.type == Type::error) return breaker_.probe_lost();
      if (!breaker_.probe_answered(now_us())) return;
      metrics_.ready.set(cells_, 1);
      if (fleet_.complained.exchange(false)) logger_.info("Redis counts rate limits again");
      return;
  }
}

void RedisCounters::answered(std::size_t at, const net::RedisReply& reply) {
  if (at >= slots_.size()) return;
  Slot& slot = slots_[at];
  if (slot.question && reply.is_error("NOSCRIPT") && !slot.by_text) {
    slot.by_text = true;  // which loads it, too
    if (send(at)) return;
  }
  slot.busy = false;
  free_.push_back(at);
  const std::int64_t took =
      std::chrono::duration_cast<std::chrono::microseconds>(worker_.turn().now() - slot.sent)
          .count();
  metrics_.round_trip.observe(cells_, static_cast<std::uint64_t>(took));
  if (!slot.question) return;  // it came too late
  const bool counted = reply.type == net::RedisReply::Type::array && !reply.odd &&
                       limits::read_answer({reply.items.data(), reply.count}, *slot.question);
  if (counted) return finish(slot, true);
  complain(reply);
  const RedisFailure why = failure_of(reply);
  finish(slot, false);
  fail(why);
}

void RedisCounters::finish(Slot& slot, bool counted) {
  slot.late.disarm();
  slot.question = nullptr;
  slot.waiter->on_counted(slot.tag, counted);
}

void RedisCounters::fail(RedisFailure why) {
  metrics_.failures.increment(cells_, why);
  if (!breaker_.failed()) return;
  metrics_.breaker_opened.increment(cells_);
  metrics_.ready.set(cells_, 0);
  net::Turn& turn = worker_.turn();
  turn.deadlines().arm(probe_time_, *this, kProbeEach, turn.now());
  give_up();
}

// Whoever waits is told now: Redis will not be asked, and those who come next do
// not wait either.
void RedisCounters::give_up() {
  for (Slot& slot : slots_)
    if (slot.busy && slot.question) finish(slot, false);
}

void RedisCounters::probe() {
  net::Turn& turn = worker_.turn();
  if (breaker_.wants_probe() && link_.up() && !script_.empty()) {
    breaker_.probe_sent(now_us());
    send_words({"PING"}, Kind::probe);
  }
  if (!breaker_.closed()) turn.deadlines().arm(probe_time_, *this, kProbeEach, turn.now());
}

void RedisCounters::ask_for_nodes() {
  net::Turn& turn = worker_.turn();
  if (link_.up() && !nodes_script_.empty()) {
    const std::string key = limits::redis_key(fleet_.key_prefix, {}, "nodes");
    send_words({"EVALSHA", nodes_script_, "1", key, fleet_.node, kNodeLives}, Kind::nodes);
  }
  turn.deadlines().arm(nodes_time_, *this, kHeartbeatEach, turn.now());
}

void RedisCounters::on_deadline(net::Deadline& which) {
  if (&which == &probe_time_) return probe();
  if (&which == &nodes_time_) return ask_for_nodes();
  if (&which == &loan_time_) {
    if (loans_.empty()) return;
    net::Turn& turn = worker_.turn();
    if (turn.now() - loans_.front().sent < fleet_.timeout)
      return turn.deadlines().arm(loan_time_, *this, fleet_.timeout, turn.now());
  }
  if (!fleet_.complained.exchange(true))
    logger_.warn("Redis does not count rate limits", {{"reason", "it did not answer in time"}});
  fail(RedisFailure::timeout);
}

}  // namespace marquee::store
