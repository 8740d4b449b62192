#include "store/postgres_feed.hpp"

#include <boost/asio/post.hpp>
#include <cstdlib>

#include "store/record_row.hpp"

namespace marquee::store {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kChannel = "marquee_changes";
constexpr std::chrono::hours kKept{24};  // rows of the change table
constexpr std::chrono::minutes kPruneEvery{10};
constexpr std::chrono::seconds kReprobe{30};
constexpr std::string_view kTables = "7";  // that have triggers when all is attached

// Asked of the catalogue, as a name that may not be seen is an error elsewhere.
const std::string kProbe =
    "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
    "n.nspname = 'marquee' AND c.relname = 'changes' AND has_schema_privilege(n.oid, 'USAGE') AND "
    "has_table_privilege(c.oid, 'SELECT')), "
    "EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
    "n.nspname = 'marquee' AND c.relname = 'proofs' AND has_schema_privilege(n.oid, 'USAGE') AND "
    "has_table_privilege(c.oid, 'SELECT')), "
    "(SELECT count(DISTINCT tgrelid) FROM pg_trigger WHERE tgname = 'marquee_update' AND tgenabled "
    "IN ('O', 'A')), "
    "(SELECT CAST(oid AS bigint) FROM pg_database WHERE datname = current_database())";
const std::string kLineage = "SELECT value FROM marquee.meta WHERE key = 'lineage'";
const std::string kBaseline =
    "SELECT CAST(pg_current_snapshot() AS text), (SELECT coalesce(max(generation), 0) FROM "
    "marquee.changes), NULL, NULL";
// Numbers are given before they are committed: new is what the last snapshot did
// not show, whatever its number.
const std::string kChanges =
    "WITH news AS (SELECT what, value FROM marquee.changes WHERE xid >= "
    "pg_snapshot_xmin(CAST($1 AS pg_snapshot)) AND NOT pg_visible_in_snapshot(xid, CAST($1 AS "
    "pg_snapshot)) ORDER BY generation LIMIT 1001) "
    "SELECT CAST(pg_current_snapshot() AS text), (SELECT coalesce(max(generation), 0) FROM "
    "marquee.changes), news.what, news.value FROM (SELECT 1) one LEFT JOIN news ON true";
const std::string kPrune = "DELETE FROM marquee.changes WHERE at < now() - interval '1 day'";
const std::string kListen = "LISTEN marquee_changes";
const std::string kHello = "SELECT pg_notify('marquee_changes', $1)";

std::uint64_t number(std::optional<std::string_view> text) {
  return text ? std::strtoull(std::string(*text).c_str(), nullptr, 10) : 0;
}

}  // namespace

PostgresFeed::PostgresFeed(boost::asio::io_context& io, PostgresConnection& follow,
                           PostgresConnection& speak, Options options, AdapterStatus& status,
                           Shaped shaped)
    : follow_(follow),
      speak_(speak),
      options_(std::move(options)),
      status_(status),
      shaped_(std::move(shaped)),
      io_(io),
      poll_timer_(io),
      hello_timer_(io) {}

void PostgresFeed::stop() {
  *alive_ = false;
  poll_timer_.cancel();
  hello_timer_.cancel();
  const std::lock_guard told(listening_);
  listener_ = nullptr;
}

void PostgresFeed::on_up() {
  up_ = true;
  caught_up_ = asking_ = again_ = false;
  mode_ = Mode::unknown;
  probe();
}

void PostgresFeed::on_down(const std::string& sentence) {
  up_ = false;
  fail(sentence);
}

void PostgresFeed::fail(const std::string& why) {
  caught_up_ = false;
  poll_timer_.cancel();
  hello_timer_.cancel();
  status_.say(base::LogLevel::error, why);
  announce();
}

void PostgresFeed::probe() {
  follow_.ask(kProbe, {}, [this, alive = alive_](const PostgresRows* rows, const std::string& why) {
    if (!*alive) return;
    if (!rows) return up_ ? fail(why) : void();
    on_probed(*rows);
  });
}

void PostgresFeed::on_probed(const PostgresRows& rows) {
  const bool changes = rows.at(0, 0) == "t";
  shape_ = {};
  if (changes) shape_.dialect.changes = "marquee.changes";
  if (rows.at(0, 1) == "t") shape_.dialect.proofs = "marquee.proofs";
  shape_.triggers = changes && rows.at(0, 2) == kTables;
  shape_.lineage = number(rows.at(0, 3)) | 1;
  if (!changes) return begin();
  follow_.ask(kLineage, {},
              [this, alive = alive_](const PostgresRows* found, const std::string& why) {
                if (!*alive) return;
                if (!found) return up_ ? fail(why) : void();
                if (found->size() == 1) shape_.lineage = number(found->at(0, 0));
                begin();
              });
}

void PostgresFeed::begin() {
  shaped_(shape_);
  if (!shape_.triggers) {
    set_mode(Mode::none);
    return schedule();
  }
  // First listen, then look: what comes in between is told twice, not lost.
  follow_.ask(kListen, {}, [this, alive = alive_](const PostgresRows* rows, const std::string&) {
    if (!*alive || !up_) return;
    if (rows)
      say_hello();
    else
      set_mode(Mode::poll);  // a standby, for one, cannot listen
    ask_changes();
  });
}

void PostgresFeed::say_hello() {
  hello_ = "hello-" + std::to_string(random_.next());
  hello_timer_.expires_after(options_.hello);
  hello_timer_.async_wait([this, alive = alive_](const boost::system::error_code& ec) {
    if (ec || !*alive || !up_ || mode_ == Mode::push) return;
    set_mode(Mode::poll);
    schedule();
  });
  // Over another connection, as changes come from others, too.
  speak_.ask(kHello, {hello_}, [](const PostgresRows*, const std::string&) {});
}

void PostgresFeed::on_notified(std::string_view channel, std::string_view payload) {
  if (channel != kChannel) return;
  if (payload.starts_with("hello-")) {
    if (payload != hello_) return;  // another node's
    hello_timer_.cancel();
    set_mode(Mode::push);
    return schedule();
  }
  ask_changes();
}

void PostgresFeed::ask_changes() {
  if (!up_ || !shape_.triggers) return;
  if (asking_) {
    again_ = true;
    return;
  }
  asking_ = true;
  std::vector<std::optional<std::string>> parameters;
  if (snapshot_) parameters.emplace_back(*snapshot_);
  follow_.ask(snapshot_ ? kChanges : kBaseline, std::move(parameters),
              [this, alive = alive_](const PostgresRows* rows, const std::string& why) {
                if (!*alive) return;
                asking_ = false;
                if (rows) return on_changes(*rows);
                if (!up_) return;
                // A snapshot of another database may not even be readable.
                snapshot_.reset();
                lineage_ = 0;
                fail(why);
                schedule();
              });
}

void PostgresFeed::on_changes(const PostgresRows& rows) {
  const std::string snapshot(rows.at(0, 0).value_or(""));
  const std::uint64_t generation = number(rows.at(0, 1));
  const bool first = last_poll_ == Clock::time_point{};
  std::vector<routing::Change> changes;
  // Another history, or one of which a part was pruned: nobody knows what is new.
  bool everything = !first && (shape_.lineage != lineage_ || generation < told_ ||
                               Clock::now() - last_poll_ > kKept / 2);
  for (int i = 0; i < rows.size() && !everything; ++i) {
    const auto what = rows.at(i, 2);
    if (!what) continue;
    auto change = make_change(*what, rows.at(i, 3).value_or(""), options_.sites_base);
    if (change) changes.push_back(std::move(*change));
    everything = i >= static_cast<int>(1000);
  }
  if (everything) changes.assign(1, routing::Change{});
  snapshot_ = snapshot;
  told_ = generation;
  lineage_ = shape_.lineage;
  last_poll_ = Clock::now();
  tell(changes, generation);
  caught_up_ = true;
  announce();
  if (last_poll_ >= next_prune_) {
    if (next_prune_ != Clock::time_point{})
      follow_.ask(kPrune, {}, [](const PostgresRows*, const std::string&) {});
    next_prune_ = last_poll_ + kPruneEvery;
  }
  if (std::exchange(again_, false)) return ask_changes();
  schedule();
}

void PostgresFeed::schedule() {
  if (!up_) return;
  const auto wait = mode_ == Mode::none   ? std::chrono::milliseconds(kReprobe)
                    : mode_ == Mode::push ? options_.heartbeat
                                          : options_.poll_interval;
  poll_timer_.expires_after(wait);
  poll_timer_.async_wait([this, alive = alive_](const boost::system::error_code& ec) {
    if (ec || !*alive || !up_) return;
    if (mode_ == Mode::none)
      probe();
    else
      ask_changes();
  });
}

void PostgresFeed::set_mode(Mode mode) {
  mode_ = mode;
  if (mode == Mode::push) {
    status_.say(base::LogLevel::info,
                options_.shown + " is connected; it announces changes as they happen");
  } else if (mode == Mode::poll) {
    status_.say(base::LogLevel::warn,
                options_.shown +
                    " is connected, but its notifications do not arrive: a pooler in "
                    "between swallows LISTEN, or this is a standby. Changes are "
                    "looked for every " +
                    std::to_string(options_.poll_interval.count()) +
                    " ms; connect to the server itself to have them at once");
  } else if (mode == Mode::none) {
    status_.say(base::LogLevel::warn,
                options_.shown +
                    " is connected, but has not all of Marquee's triggers: changes "
                    "are seen when cached answers expire (directory.cache.ttl). `marquee db "
                    "migrate` attaches them");
  }
  announce();
}

routing::Feed PostgresFeed::feed() const {
  const bool live = up_ && caught_up_ && (mode_ == Mode::push || mode_ == Mode::poll);
  return {live, mode_ == Mode::push ? options_.heartbeat : options_.poll_interval};
}

void PostgresFeed::announce() {
  const routing::Feed now = feed();
  const std::lock_guard told(listening_);
  if (live_ == now.live && staleness_ == now.staleness) return;
  live_ = now.live;
  staleness_ = now.staleness;
  if (listener_) listener_->on_feed(now);
}

void PostgresFeed::tell(const std::vector<routing::Change>& changes, std::uint64_t generation) {
  const std::lock_guard told(listening_);
  if (listener_ && !changes.empty()) listener_->on_changes(changes, generation);
}

void PostgresFeed::subscribe(routing::ChangeListener* listener) {
  {
    const std::lock_guard told(listening_);
    listener_ = listener;
  }
  if (!listener) return;
  boost::asio::post(io_, [this, alive = alive_, listener] {
    if (!*alive) return;
    const std::lock_guard told(listening_);
    if (listener_ == listener) listener_->on_feed({live_, staleness_});
  });
}

}  // namespace marquee::store
