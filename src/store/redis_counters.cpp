#include "store/redis_counters.hpp"

#include <chrono>

namespace marquee::store {
namespace {

constexpr net::Ms kProbeEach{100};
constexpr net::Ms kSteady{limits::Breaker::kSteady / 1000};
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

LoanCall::LoanCall(const limits::LeaseBook::Loan& loan, std::string_view prefix)
    : id(loan.id),
      key(limits::redis_key(prefix, loan.tag, loan.key)),
      limit(loan.limit),
      owed(loan.owed),
      want(loan.want) {}

RedisCounters::RedisCounters(net::Worker& worker, net::RedisSettings settings, RedisFleet& fleet,
                             bool heartbeat, const RedisCounterMetrics& metrics, base::Cells& cells,
                             base::Logger& logger, ClusterOwner* cluster)
    : worker_(worker),
      fleet_(fleet),
      heartbeat_(heartbeat),
      metrics_(metrics),
      cells_(cells),
      logger_(logger),
      cluster_(cluster),
      probe_key_(cluster ? std::string()
                         : limits::redis_key(fleet.key_prefix, {}, limits::kProbeKey)),
      breaker_(std::chrono::microseconds(fleet.timeout).count()),
      leases_(kMostLeases, {random_.next(), random_.next()}),
      link_(worker, *this, std::move(settings), random_) {}

RedisCounters::~RedisCounters() = default;

std::int64_t RedisCounters::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             worker_.turn().now().time_since_epoch())
      .count();
}

// For the log.
std::string RedisCounters::server() const {
  const net::RedisAddress& at = link_.address();
  if (!at.path.empty()) return "unix:" + at.path;
  const std::string ip = at.ip.text();
  return (at.ip.is_v4() ? ip : "[" + ip + "]") + ":" + std::to_string(at.port);
}

void RedisCounters::set_place(const RedisPlace& place) {
  if (place.addresses.empty()) return;
  if (place.master) return link_.move_to(place.addresses.front());
  link_.set_addresses(place.addresses);
}

limits::SharedCounters::Ticket RedisCounters::ask(limits::Question& question, Waiter& waiter,
                                                  std::uint64_t tag, bool asking) {
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
  slot.asking = asking;
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
  while (leases_.next_loan(loan))
    if (!lend(LoanCall(loan, fleet_.key_prefix), false)) leases_.lost(loan.id);
  return out;
}

bool RedisCounters::lend(const LoanCall& loan, bool asking) {
  if (asking) send_words({"ASKING"}, Kind::asking);
  const std::string depth = std::to_string(loan.limit.depth);
  const std::string unit = std::to_string(loan.limit.unit);
  const std::string owed = std::to_string(loan.owed);
  const std::string want = std::to_string(loan.want);
  const std::string_view words[] = {"EVALSHA", script_, "1", loan.key, depth, unit, owed, want};
  if (!link_.send(words, static_cast<std::uint64_t>(Kind::lease))) return false;
  net::Turn& turn = worker_.turn();
  if (loans_.empty()) turn.deadlines().arm(loan_time_, *this, fleet_.timeout, turn.now());
  loans_.push_back({loan.id, turn.now()});
  return true;
}

void RedisCounters::lent(const net::RedisReply& reply) {
  if (loans_.empty()) return;
  const Loan loan = loans_.front();
  loans_.pop_front();
  const net::TimePoint now = worker_.turn().now();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - loan.sent).count();
  metrics_.round_trip.observe(cells_, static_cast<std::uint64_t>(took));
  if (reply.type == net::RedisReply::Type::array && !reply.odd && reply.count == 2) {
    const auto [units, debt] = std::pair(reply.items[0], reply.items[1]);
    if (cluster_ ? cluster_->on_lent(loan.id, units, debt)
                 : leases_.granted(loan.id, units, debt, ticks_of(now)))
      return;
  }
  if (cluster_ && reply.type == net::RedisReply::Type::error)
    if (const auto to = limits::read_redirect(reply.text))
      return cluster_->on_loan_redirect(loan.id, *to);
  if (cluster_)
    cluster_->on_loan_lost(loan.id);
  else
    leases_.lost(loan.id);
  if (reply.is_error("NOSCRIPT"))
    return send_words({"SCRIPT", "LOAD", limits::kLeaseScript}, Kind::script);
  complain(reply);
  fail_by(reply);
}

// Of a link that is gone: no reply will come.
void RedisCounters::lose_loans() {
  loan_time_.disarm();
  if (cluster_)
    for (const Loan& loan : loans_) cluster_->on_loan_lost(loan.id);
  loans_.clear();
  leases_.forget();
}

void RedisCounters::complain(std::string reason) {
  if (fleet_.complained.exchange(true)) return;
  logger_.warn(cluster_ ? "a master of Redis does not count rate limits"
                        : "Redis does not count rate limits",
               {{"server", server()}, {"reason", reason}});
}

void RedisCounters::complain(const net::RedisReply& reply) {
  const bool error = reply.type == net::RedisReply::Type::error;
  complain(error ? reply.text : std::string("its answer makes no sense"));
}

// An answer that is none. A replica is left: it will not take what is written soon.
void RedisCounters::fail_by(const net::RedisReply& reply) {
  const bool error = reply.type == net::RedisReply::Type::error;
  if (cluster_ && error && limits::unavailable_now(reply.text)) {
    // Of this slot only; other keys of this master are counted.
    metrics_.failures.increment(cells_, RedisFailure::error);
    if (fleet_.look_again) fleet_.look_again();
    return;
  }
  const bool replica = error && reply.text.find("READONLY ") != std::string::npos;
  fail(error ? RedisFailure::error : RedisFailure::protocol);
  if (replica) link_.drop("it is a replica now");
  if (!error) mistrust();
}

// One reply too few or too many, and each would be taken for another question's.
void RedisCounters::mistrust() { link_.drop("its answer is none to what was asked"); }

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
  if (slot.asking) send_words({"ASKING"}, Kind::asking);
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
  complain(std::string(why));
  if (fleet_.look_again) fleet_.look_again();
  std::size_t lost = 0;
  for (const Slot& slot : slots_) lost += slot.busy && slot.question ? 1 : 0;
  if (lost > 0) metrics_.failures.add(cells_, lost, RedisFailure::lost);
  if (breaker_.failed(now_us())) opened();
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
      if (reply.type != Type::text && reply.type != Type::error) return mistrust();
      nodes_script_ = reply.type == Type::text ? reply.text : std::string();
      if (heartbeat_) return ask_for_nodes();
      return nodes_script_.empty() ? void() : count_nodes();
    case Kind::lease:
      return lent(reply);
    case Kind::asking:  // an error: what follows it will tell
      return reply.is_ok() || reply.type == Type::error ? void() : mistrust();
    case Kind::nodes:
      if (reply.is_error("NOSCRIPT"))
        send_words({"SCRIPT", "LOAD", limits::kNodesScript}, Kind::nodes_script);
      if (cluster_ && reply.type == Type::error)
        if (const auto to = limits::read_redirect(reply.text)) cluster_->on_moved(*to);
      if (reply.type != Type::integer && reply.type != Type::error) return mistrust();
      if (reply.type == Type::integer && reply.integer > 0 && reply.integer < 10'000)
        fleet_.nodes.store(static_cast<std::uint32_t>(reply.integer), std::memory_order_relaxed);
      return;
    case Kind::probe:
      return probed(reply);
  }
}

void RedisCounters::probed(const net::RedisReply& reply) {
  probe_by_text_ = reply.is_error("NOSCRIPT");
  if (!proves(reply)) {
    breaker_.probe_lost();
    if (probe_by_text_) return;
    complain(reply);
    if (reply.type != net::RedisReply::Type::error) return mistrust();
    if (reply.text.find("READONLY ") != std::string::npos) link_.drop("it is a replica now");
    return;
  }
  if (breaker_.probe_answered(now_us())) return closed();
  complain("it did not answer in time");
}

// That a question would be answered. Of a cluster also what says that the slot is not
// to be had here: the master is well.
bool RedisCounters::proves(const net::RedisReply& reply) {
  using Type = net::RedisReply::Type;
  if (cluster_ && reply.type == Type::error) {
    const auto to = limits::read_redirect(reply.text);
    if (to) cluster_->on_moved(*to);
    return to || limits::unavailable_now(reply.text);
  }
  if (pinged_) return reply.is_pong();
  return reply.type == Type::array && !reply.odd &&
         limits::answers_probe({reply.items.data(), reply.count});
}

void RedisCounters::closed() {
  net::Turn& turn = worker_.turn();
  turn.deadlines().arm(steady_, *this, kSteady, turn.now());
  if (cluster_) return cluster_->on_shard_changed();
  metrics_.ready.set(cells_, 1);
  ++fleet_.asking;
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
  if (cluster_ && reply.type == net::RedisReply::Type::error && redirected(slot, reply)) return;
  const bool counted = reply.type == net::RedisReply::Type::array && !reply.odd &&
                       limits::read_answer({reply.items.data(), reply.count}, *slot.question);
  if (counted) return finish(slot, true);
  complain(reply);
  finish(slot, false);
  fail_by(reply);
}

// It is counted elsewhere; this master is well.
bool RedisCounters::redirected(Slot& slot, const net::RedisReply& reply) {
  const auto to = limits::read_redirect(reply.text);
  if (!to) return false;
  slot.late.disarm();
  slot.question = nullptr;
  cluster_->on_redirect(slot.tag, *to);
  return true;
}

void RedisCounters::finish(Slot& slot, bool counted) {
  slot.late.disarm();
  slot.question = nullptr;
  slot.waiter->on_counted(slot.tag, counted);
}

void RedisCounters::fail(RedisFailure why) {
  metrics_.failures.increment(cells_, why);
  if (!breaker_.failed(now_us())) return;
  opened();
  net::Turn& turn = worker_.turn();
  turn.deadlines().arm(probe_time_, *this, kProbeEach, turn.now());
  give_up();
}

void RedisCounters::opened() {
  metrics_.breaker_opened.increment(cells_);
  steady_.disarm();
  if (cluster_) return cluster_->on_shard_changed();
  metrics_.ready.set(cells_, 0);
  --fleet_.asking;
}

// Whoever waits is told now: Redis will not be asked, and those who come next do
// not wait either.
void RedisCounters::give_up() {
  for (Slot& slot : slots_)
    if (slot.busy && slot.question) finish(slot, false);
}

void RedisCounters::probe() {
  net::Turn& turn = worker_.turn();
  if (breaker_.wants_probe(now_us()) && link_.up() && !script_.empty()) {
    breaker_.probe_sent(now_us());
    send_probe();
  }
  if (!breaker_.closed()) turn.deadlines().arm(probe_time_, *this, kProbeEach, turn.now());
}

void RedisCounters::send_probe() {
  pinged_ = probe_key_.empty();
  if (pinged_) return send_words({"PING"}, Kind::probe);
  std::vector<std::string_view> words;
  if (probe_by_text_)
    words = {"EVAL", fleet_.leased ? limits::kLeaseScript : limits::kDecideScript};
  else
    words = {"EVALSHA", script_};
  words.insert(words.end(), {"1", probe_key_});
  const auto numbers = limits::probe_numbers(fleet_.leased);
  words.insert(words.end(), numbers.begin(), numbers.end());
  link_.send(words, static_cast<std::uint64_t>(Kind::probe));
}

void RedisCounters::ask_for_nodes() {
  net::Turn& turn = worker_.turn();
  if (!nodes_script_.empty()) count_nodes();
  turn.deadlines().arm(nodes_time_, *this, kHeartbeatEach, turn.now());
}

void RedisCounters::count_nodes() {
  if (!link_.up()) return;
  if (nodes_script_.empty())
    return send_words({"SCRIPT", "LOAD", limits::kNodesScript}, Kind::nodes_script);
  const std::string key = limits::redis_key(fleet_.key_prefix, {}, limits::kNodesKey);
  send_words({"EVALSHA", nodes_script_, "1", key, fleet_.node, kNodeLives}, Kind::nodes);
}

void RedisCounters::on_deadline(net::Deadline& which) {
  if (&which == &probe_time_) return probe();
  if (&which == &steady_) {
    link_.settled();
    if (!cluster_ && fleet_.recovered()) logger_.info("Redis counts rate limits again");
    return;
  }
  if (&which == &nodes_time_) return ask_for_nodes();
  if (&which == &loan_time_) {
    if (loans_.empty()) return;
    net::Turn& turn = worker_.turn();
    if (turn.now() - loans_.front().sent < fleet_.timeout)
      return turn.deadlines().arm(loan_time_, *this, fleet_.timeout, turn.now());
  }
  complain("it did not answer in time");
  fail(RedisFailure::timeout);
}

}  // namespace marquee::store
