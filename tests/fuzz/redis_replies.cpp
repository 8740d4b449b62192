// Any bytes in place of Redis's replies: as workers read them (answers to questions,
// loans, redirects) and as the control thread does (the slots of a cluster). Bounded
// in memory, and never a decision that the rules do not allow.
#include "input.hpp"
#include "limits/leases.hpp"
#include "limits/redis_cluster.hpp"
#include "limits/redis_script.hpp"
#include "net/redis_codec.hpp"
#include "net/redis_value.hpp"

namespace limits = marquee::limits;
namespace net = marquee::net;

namespace {

struct Asked {
  Asked() {
    marquee::config::RateLimits settings;
    marquee::config::RateRule rule;
    for (const char* name : {"a", "b", "c"}) {
      rule.name.value = name;
      rule.rate.value = "10/s";
      rule.burst = 5;
      rule.shadow = *name == 'c';
      settings.rules.push_back(rule);
    }
    rules = std::make_unique<limits::RuleSet>(settings);
    rules->collect({}, question);
  }
  std::unique_ptr<limits::RuleSet> rules;
  limits::Question question;
};

void judge(const limits::Question& question) {
  for (const limits::Charge& c : question.charges) {
    require(c.decision.remaining <= c.rule->limit.burst);
    require(c.decision.reset >= 0 && c.decision.reset <= c.rule->limit.depth);
    require(c.decision.retry_after >= 0);
  }
}

void follow(std::string_view error) {
  limits::unavailable_now(error);
  const auto to = limits::read_redirect(error);
  if (!to) return;
  require(to->slot < limits::kSlots && to->port != 0 && to->host.size() <= 253);
}

void lend(limits::LeaseBook& leases, limits::Question& question, const net::RedisReply& reply,
          limits::Ticks& now) {
  leases.decide(question, now += limits::kTicksPerSecond / 50, 2);
  judge(question);
  limits::LeaseBook::Loan loan;
  while (leases.next_loan(loan)) {
    require(loan.owed >= 0 && loan.owed <= 5 && loan.want >= 0 && loan.want <= 5);
    if (reply.count >= 2)
      leases.granted(loan.id, reply.items[0], reply.items[1], now);
    else
      leases.lost(loan.id);
  }
}

void as_workers(const Input& in) {
  static Asked asked;
  net::RedisReplies replies;
  limits::LeaseBook leases(16, {1, 2});
  limits::Ticks now = 1'000 * limits::kTicksPerSecond;
  for (std::size_t at = 0; at < in.bytes.size(); at += in.piece) {
    if (!replies.feed(in.bytes.substr(at, in.piece))) return;
    for (;;) {
      const auto next = replies.next();
      if (next == net::RedisReplies::Next::broken) return;
      if (next == net::RedisReplies::Next::none) break;
      const net::RedisReply& reply = replies.reply();
      require(reply.text.size() <= net::RedisReplies::kMostReplyText);
      require(reply.count <= net::RedisReply::kMostItems);
      if (reply.type == net::RedisReply::Type::error) follow(reply.text);
      if (reply.type != net::RedisReply::Type::array || reply.odd) continue;
      if (limits::read_answer({reply.items.data(), reply.count}, asked.question))
        judge(asked.question);
      lend(leases, asked.question, reply, now);
    }
  }
}

void as_the_control_thread(const Input& in) {
  const limits::RedisMaster seed{"seed", {{}, {}, 1}};
  net::RedisValues values;
  for (std::size_t at = 0; at < in.bytes.size(); at += in.piece) {
    if (!values.feed(in.bytes.substr(at, in.piece))) return;
    const auto next = values.next();
    if (next == net::RedisValues::Next::broken) return;
    if (next == net::RedisValues::Next::none) continue;
    require(values.value().items.size() <= net::RedisValues::kMostItems);
    const auto table = limits::read_slots(values.value(), seed);
    if (!table) continue;
    require(!table->masters.empty() && table->masters.size() <= limits::kMostMasters);
    for (const limits::RedisMaster& m : table->masters)
      require(m.address.port != 0 && m.host.size() <= 253);
    for (const std::uint16_t owner : table->of)
      require(owner == limits::SlotTable::kNobody || owner < table->masters.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  if (in.choice % 2 == 0)
    as_workers(in);
  else
    as_the_control_thread(in);
  return 0;
}
