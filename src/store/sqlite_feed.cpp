// The thread of SqliteDirectory that makes the file, and follows its changes.
#include <sys/stat.h>

#include <set>

#include "store/lookup_sql.hpp"
#include "store/record_row.hpp"
#include "store/sqlite_directory.hpp"
#include "store/sqlite_migration.hpp"

namespace marquee::store {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::minutes kPruneEvery{10};
constexpr std::chrono::milliseconds kRetryOpen{500};

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};
std::optional<Identity> identity_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return Identity{found.st_dev, found.st_ino};
}

}  // namespace

struct SqliteDirectory::Follower {
  std::unique_ptr<SqliteDatabase> database;
  Identity identity;
  std::string seen;        // PRAGMA data_version
  std::uint64_t told = 0;  // generation
  std::uint64_t lineage = 0;
  bool other = false;  // another directory than the one that was told of
  Clock::time_point next_prune{};
};

void SqliteDirectory::follow() {
  Follower follower;
  for (;;) {
    poll(follower);
    std::unique_lock hold(mutex_);
    const auto pause =
        follower.database ? options_.poll_interval : std::max(options_.poll_interval, kRetryOpen);
    wake_follower_.wait_for(hold, pause, [this] { return stopping_ || announce_; });
    if (stopping_) return;
  }
}

void SqliteDirectory::poll(Follower& follower) {
  bool announce = false;
  {
    const std::lock_guard hold(mutex_);
    std::swap(announce, announce_);
  }
  // Another file in its place: another directory.
  if (follower.database && identity_of(options_.path) != follower.identity) {
    follower.database.reset();
    const std::lock_guard hold(mutex_);
    usable_ = false;
    trouble_ = description() + " was replaced or removed";
  }
  if (!follower.database && !open(follower)) {
    set_live(false);
  } else if (const auto version = follower.database->value("PRAGMA data_version"); !version) {
    if (!follower.database->busy()) follower.database.reset();
    set_live(false);
  } else {
    if (*version != follower.seen || !live_) {
      replay(follower);
      if (follower.database) follower.seen = *version;
    }
    if (follower.database && Clock::now() >= follower.next_prune) prune(follower);
  }
  if (!announce) return;
  const std::lock_guard told(listening_);
  if (listener_) listener_->on_feed({live_, options_.poll_interval});
}

bool SqliteDirectory::open(Follower& follower) {
  // A file that held a directory and is gone or empty now was lost, not begun anew:
  // with new tables in it every known name would be nobody's.
  const bool again = epoch_ != 0;
  std::string error;
  auto database = SqliteDatabase::open(
      options_.path, again ? SqliteDatabase::Mode::write : SqliteDatabase::Mode::create,
      options_.timeout / 2, error);
  if (database && again && database->value("SELECT count(*) FROM sqlite_schema") == "0") {
    error = description() +
            " is empty, and was not before: put the file back, or restart to begin with an empty "
            "directory";
    database.reset();
  }
  if (database) {
    const Migration migration = migrate_sqlite(*database);
    error = migration.error;
    for (const std::string& step : migration.done)
      status_.logger().info("directory migrated", {{"step", step}, {"path", options_.path}});
  }
  const auto lineage = database && error.empty()
                           ? database->value("SELECT value FROM marquee_meta WHERE key = 'lineage'")
                           : std::nullopt;
  const auto identity = identity_of(options_.path);
  // Before the first answer: what comes after one has to be told.
  const auto newest =
      lineage ? database->value("SELECT coalesce(max(generation), 0) FROM marquee_changes")
              : std::nullopt;
  if (database && error.empty() && (!lineage || !identity || !newest)) error = database->error();
  if (!error.empty()) {
    status_.say(base::LogLevel::error, error);
    {
      const std::lock_guard hold(mutex_);
      usable_ = false;
      trouble_ = error;
    }
    wake_readers_.notify_all();
    return false;
  }
  if (!again) follower.told = std::strtoull(newest->c_str(), nullptr, 10);
  follower.lineage = std::strtoull(lineage->c_str(), nullptr, 10);
  follower.other = again && follower.lineage != lineage_.load();
  lineage_ = follower.lineage;
  follower.identity = *identity;
  follower.database = std::move(database);
  follower.seen.clear();
  follower.next_prune = Clock::now() + kPruneEvery;
  status_.connects.fetch_add(1, std::memory_order_relaxed);
  status_.say(base::LogLevel::info, description() + " is open");
  {
    const std::lock_guard hold(mutex_);
    ++epoch_;
    usable_ = true;
    trouble_.clear();
  }
  wake_readers_.notify_all();
  return true;
}

void SqliteDirectory::replay(Follower& follower) {
  const auto fail = [&] {
    status_.say(base::LogLevel::error, follower.database->error());
    if (!follower.database->busy()) follower.database.reset();
    set_live(false);
  };
  const auto bounds = follower.database->prepare(
      "SELECT coalesce(min(generation), 0), coalesce(max(generation), 0) FROM marquee_changes");
  if (!bounds || bounds->step() != SqliteStatement::Step::row) return fail();
  const auto oldest = static_cast<std::uint64_t>(bounds->integer(0));
  const auto newest = static_cast<std::uint64_t>(bounds->integer(1));
  bounds->reset();
  if (follower.other || newest != follower.told) {
    // Behind what was pruned, or in front of it: another history.
    bool everything = follower.other || newest < follower.told || oldest > follower.told + 1 ||
                      newest - follower.told > kMostChanges;
    while (!everything && follower.told < newest)
      if (!replay_page(follower, newest, everything)) return fail();
    if (everything) tell({routing::Change{}}, newest);
  }
  follower.told = newest;
  follower.other = false;
  status_.say(base::LogLevel::info, description() + " is open");
  set_live(true);
}

// The next changes up to `newest`; false: the file could not be read.
bool SqliteDirectory::replay_page(Follower& follower, std::uint64_t newest, bool& everything) {
  static_assert(routing::kMostTold == 1000);
  SqliteStatement* const statement = follower.database->prepare(
      "SELECT generation, what, value FROM marquee_changes WHERE generation > $1 AND "
      "generation <= $2 ORDER BY generation LIMIT 1000");
  if (!statement) return false;
  statement->bind(1, std::to_string(follower.told));
  statement->bind(2, std::to_string(newest));
  std::vector<routing::Change> changes;
  std::set<std::pair<std::string, std::string>> distinct;
  std::uint64_t last = newest;  // of an empty page: somebody pruned it
  std::size_t rows = 0;
  SqliteStatement::Step step;
  while ((step = statement->step()) == SqliteStatement::Step::row && !everything) {
    ++rows;
    last = static_cast<std::uint64_t>(statement->integer(0));
    const std::string_view what = statement->column(1).value_or("");
    const std::string_view value = statement->column(2).value_or("");
    if (!distinct.emplace(what, value).second) continue;
    auto change = make_change(what, value, options_.sites_base);
    if (!change) continue;
    everything = change->what == routing::Change::What::everything;
    changes.push_back(std::move(*change));
  }
  // One absurd value must not end the feed for all others.
  if (step == SqliteStatement::Step::failed && follower.database->too_big()) {
    everything = true;
    step = SqliteStatement::Step::done;
  }
  statement->reset();
  if (step == SqliteStatement::Step::failed) return false;
  if (rows < routing::kMostTold) last = newest;
  if (!everything) tell(changes, last);
  follower.told = last;
  return true;
}

// Old changes are nobody's any more: who was away for so long begins anew.
void SqliteDirectory::prune(Follower& follower) {
  follower.next_prune = Clock::now() + kPruneEvery;
  follower.database->run(
      "DELETE FROM marquee_changes WHERE generation <= (SELECT max(generation) FROM "
      "marquee_changes) - " +
      std::to_string(kKeptChanges));
}

void SqliteDirectory::tell(const std::vector<routing::Change>& changes, std::uint64_t generation) {
  const std::lock_guard told(listening_);
  if (listener_ && !changes.empty()) listener_->on_changes(changes, generation);
}

void SqliteDirectory::set_live(bool live) {
  const std::lock_guard told(listening_);
  if (live_ == live) return;
  live_ = live;
  if (listener_) listener_->on_feed({live, options_.poll_interval});
}

void SqliteDirectory::subscribe(routing::ChangeListener* listener) {
  {
    const std::lock_guard told(listening_);
    listener_ = listener;
  }
  if (!listener) return;
  {
    const std::lock_guard hold(mutex_);
    announce_ = true;
  }
  wake_follower_.notify_all();
}

}  // namespace marquee::store
