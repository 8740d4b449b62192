#include "store/postgres/change_feed.hpp"

#include <boost/asio/io_context.hpp>
#include <charconv>
#include <set>

#include "store/postgres/notifications.hpp"
#include "store/record_row.hpp"

namespace marquee::store::postgres {
namespace {

using boost::system::error_code;

// One statement and so one snapshot: where the log is now, and what the snapshot
// $1 did not see of it. Without $1 only the former.
constexpr std::string_view kRead = R"sql(
SELECT (SELECT value FROM marquee.meta WHERE key = 'lineage'),
  (SELECT generation FROM marquee.changes WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY generation DESC LIMIT 1),
  pg_current_snapshot()::text, pg_snapshot_xmax(pg_current_snapshot())::text,
  (SELECT min(generation) FROM marquee.changes), c.what, c.value
FROM (SELECT) one LEFT JOIN LATERAL (
  SELECT what, value FROM marquee.changes
  WHERE xid >= pg_snapshot_xmin(CAST($1 AS pg_snapshot))
    AND NOT pg_visible_in_snapshot(xid, CAST($1 AS pg_snapshot))
  ORDER BY xid LIMIT 50001) c ON true
)sql";

// Who was away for longer is told that everything may have changed.
constexpr std::string_view kPrune =
    "DELETE FROM marquee.changes WHERE at < now() - interval '1 day' AND generation < "
    "(SELECT max(generation) FROM marquee.changes)";

std::uint64_t number(std::string_view text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

ChangeFeed::ChangeFeed(boost::asio::io_context& io, Connection& connection, Options options,
                       AdapterStatus& status, Works works, SendProbe send_probe)
    : connection_(connection),
      options_(std::move(options)),
      status_(status),
      works_(std::move(works)),
      send_probe_(std::move(send_probe)),
      poll_timer_(io),
      probe_timer_(io),
      random_(base::Random::from_kernel()) {}

ChangeFeed::~ChangeFeed() = default;

void ChangeFeed::prepare(const DatabaseFacts& facts) {
  facts_ = facts;
  push_ = push_known_ = listening_to_ = false;
  polling_ = poll_again_ = false;
  if (!facts.feed) {
    up_ = false;
    lineage_ = facts.identity;
    cursor_.reset();  // what happens meanwhile is written down nowhere
    connection_.ready();
    works_();
    return say();
  }
  Question question;
  question.text = "LISTEN " + std::string(kChannel);
  question.limit = options_.limit;
  question.done = [this, alive = std::weak_ptr<int>(alive_)](const Reply& reply) {
    if (alive.expired()) return;
    if (!reply && reply.status != Reply::Status::refused) return;  // lost: prepared anew
    listening_to_ = static_cast<bool>(reply);
    up_ = true;
    connection_.ready();
    works_();
    poll();
    if (listening_to_) return probe();
    push_known_ = true;
    say();
  };
  connection_.ask_now(std::move(question));
}

void ChangeFeed::down() {
  up_ = false;
  polling_ = false;
  poll_timer_.cancel();
  probe_timer_.cancel();
  set_live(false);
}

void ChangeFeed::notified(std::string_view payload) {
  if (!up_) return;
  if (payload.starts_with(kProbe)) {
    if (payload == probe_payload_) set_push(true);
    return;
  }
  if (!push_) set_push(true);
  poll();
}

// Until our own notification has come back, nobody relies on others coming.
void ChangeFeed::probe() {
  probe_payload_ = std::string(kProbe) + std::to_string(random_.next());
  const bool sent = send_probe_(probe_payload_);
  probe_timer_.expires_after(sent ? kProbeWait : kProbeWait / 10);
  probe_timer_.async_wait([this, sent, alive = std::weak_ptr<int>(alive_)](error_code error) {
    if (error || alive.expired() || !up_ || push_) return;
    if (sent)
      set_push(false);
    else
      probe();
  });
}

void ChangeFeed::set_push(bool push) {
  push_ = push;
  push_known_ = true;
  say();
  const std::lock_guard told(telling_);
  if (live_ && listener_) {
    greet_locked();
    listener_->on_feed(feed());
  }
}

void ChangeFeed::say() {
  const std::string who = options_.description + " is connected";
  if (!facts_.feed)
    return status_.say(base::LogLevel::warn,
                       who +
                           ", but has not all of Marquee's triggers, or hides the schema marquee "
                           "from this role: changes are seen when cached answers expire "
                           "(directory.cache.ttl). `marquee db migrate` attaches them");
  if (!push_known_) return;
  if (push_)
    return status_.say(base::LogLevel::info, who + "; it announces changes as they happen");
  status_.say(base::LogLevel::warn,
              who +
                  ", but its notifications do not arrive: a pooler in between swallows LISTEN, or "
                  "this is a standby. Changes are looked for every " +
                  std::to_string(options_.poll_interval.count()) +
                  " ms; connect to the server itself to have them at once");
}

void ChangeFeed::schedule() {
  poll_timer_.expires_after(push_ ? kBackup : options_.poll_interval);
  poll_timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](error_code error) {
    if (!error && !alive.expired() && up_) poll();
  });
}

void ChangeFeed::poll() {
  if (polling_) {
    poll_again_ = true;
    return;
  }
  polling_ = true;
  Question question;
  question.text = kRead;
  question.parameters.emplace_back(cursor_ ? std::optional(cursor_->snapshot) : std::nullopt);
  question.limit = options_.limit;
  question.done = [this, alive = std::weak_ptr<int>(alive_)](const Reply& reply) {
    if (!alive.expired()) read(reply);
  };
  connection_.ask(std::move(question));
}

void ChangeFeed::read(const Reply& reply) {
  polling_ = false;
  if (!reply) {
    status_.failures.fetch_add(1, std::memory_order_relaxed);
    set_live(false);
    // What cannot be read now may be another schema by now: look again from the start.
    if (reply.status == Reply::Status::refused && reply.sqlstate != "57014") {
      connection_.give_up(reply.sentence);
    } else if (up_) {
      schedule();
    }
    return;
  }
  const Result& r = reply.result;
  const Cursor now{std::string(r.text(0, 2)), number(r.text(0, 1)), number(r.text(0, 3)),
                   facts_.identity ^ number(r.text(0, 0))};
  const auto changes = changes_of(r, now);
  if (!cursor_ || now.lineage != cursor_->lineage) told_ = 0;
  cursor_ = now;
  lineage_ = now.lineage;
  tell(changes, now.generation);
  set_live(true);
  prune();
  if (std::exchange(poll_again_, false)) return poll();
  schedule();
}

// Every node does; one whose database or role lets it not read on all the same.
void ChangeFeed::prune() {
  const auto now = std::chrono::steady_clock::now();
  if (facts_.in_recovery || now < next_prune_) return;
  next_prune_ = now + kPruneEvery;
  Question question;
  question.text = kPrune;
  question.limit = options_.limit * 5;
  question.done = [](const Reply&) {};
  connection_.ask(std::move(question));
}

std::vector<routing::Change> ChangeFeed::changes_of(const Result& r, const Cursor& now) {
  const std::uint64_t oldest = number(r.text(0, 4));
  const bool everything =
      !cursor_ || now.lineage != cursor_->lineage || now.next_xid < cursor_->next_xid ||
      now.generation < cursor_->generation ||
      // The log was pruned past what we have read.
      oldest > std::max<std::uint64_t>(cursor_->generation, 1) || r.rows() > kMostChanges;
  if (everything) return {routing::Change{}};
  std::vector<routing::Change> out;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (std::size_t i = 0; i < r.rows(); ++i) {
    const auto what = r.value(i, 5);
    if (!what || !seen.emplace(*what, r.text(i, 6)).second) continue;
    if (auto change = make_change(*what, r.text(i, 6), options_.sites_base)) {
      if (change->what == routing::Change::What::everything) return {routing::Change{}};
      out.push_back(std::move(*change));
    }
  }
  return out;
}

void ChangeFeed::tell(const std::vector<routing::Change>& changes, std::uint64_t generation) {
  const std::lock_guard told(telling_);
  if (listener_ && (!changes.empty() || generation > told_)) {
    greet_locked();
    std::span<const routing::Change> rest(changes);
    for (; rest.size() > routing::kMostTold; rest = rest.subspan(routing::kMostTold))
      listener_->on_changes(rest.first(routing::kMostTold), told_);  // more of it is to come
    listener_->on_changes(rest, generation);
  }
  told_ = generation;
}

routing::Feed ChangeFeed::feed() const { return {live_, push_ ? kBackup : options_.poll_interval}; }

void ChangeFeed::set_live(bool live) {
  const std::lock_guard told(telling_);
  if (live_ == live) return;
  live_ = live;
  if (!listener_) return;
  greeted_ = true;
  listener_->on_feed(feed());
}

void ChangeFeed::subscribe(routing::ChangeListener* listener) {
  const std::lock_guard told(telling_);
  listener_ = listener;
  greeted_ = false;
}

void ChangeFeed::greet() {
  const std::lock_guard told(telling_);
  if (listener_) greet_locked();
}

void ChangeFeed::greet_locked() {
  if (std::exchange(greeted_, true)) return;
  listener_->on_feed(feed());
}

}  // namespace marquee::store::postgres
