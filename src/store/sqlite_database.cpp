#include "store/sqlite_database.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

namespace marquee::store {
namespace {

// Bytes of one value or row. One that is larger cannot be read at all, not even by the
// statement that would cut it: lists would end at it.
constexpr int kMostValue = 16 << 20;
constexpr int kProgressEvery = 10'000;  // virtual machine steps
constexpr std::size_t kMostStatements = 64;

}  // namespace

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

void SqliteStatement::bind(int number, std::optional<std::string_view> value) {
  const std::string name = "$" + std::to_string(number);
  const int index = sqlite3_bind_parameter_index(statement_, name.c_str());
  if (index == 0) return;
  if (value)
    sqlite3_bind_text(statement_, index, value->data(), static_cast<int>(value->size()),
                      SQLITE_TRANSIENT);
  else
    sqlite3_bind_null(statement_, index);
}

SqliteStatement::Step SqliteStatement::step() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return Step::row;
    case SQLITE_DONE:
      return Step::done;
    default:
      return Step::failed;
  }
}

std::optional<std::string_view> SqliteStatement::column(int index) const {
  const auto* text = sqlite3_column_text(statement_, index);
  if (!text) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(text),
                          static_cast<std::size_t>(sqlite3_column_bytes(statement_, index)));
}

std::int64_t SqliteStatement::integer(int index) const {
  return sqlite3_column_int64(statement_, index);
}

int SqliteStatement::columns() const { return sqlite3_column_count(statement_); }

void SqliteStatement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::unique_ptr<SqliteDatabase> SqliteDatabase::open(const std::string& path, Mode mode,
                                                     std::chrono::milliseconds busy,
                                                     std::string& error) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_READWRITE;
  if (mode == Mode::create) {
    flags |= SQLITE_OPEN_CREATE;
    // Keys of consumers stand in it in the clear: SQLite would make it for all to read.
    // Its -wal and -shm get the same mode. Not by open(): to close it would drop the locks
    // of every other connection in this process. What is there already stays as it is.
    ::mknod(path.c_str(), S_IFREG | 0600, 0);
  }
  sqlite3* db = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<SqliteDatabase> out(new SqliteDatabase(db, path));
  if (result != SQLITE_OK) {
    error = db ? out->error() : "sqlite " + path + ": out of memory";
    return nullptr;
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, static_cast<int>(busy.count()));
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kMostValue);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_progress_handler(db, kProgressEvery, &SqliteDatabase::on_progress, out.get());
  // No mmap: a file that is cut short must be an error, not a signal.
  error = out->run("PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON;");
  if (error.empty() && mode == Mode::read) error = out->run("PRAGMA query_only = ON;");
  if (!error.empty()) return nullptr;
  return out;
}

SqliteDatabase::~SqliteDatabase() {
  statements_.clear();
  sqlite3_close(db_);
}

int SqliteDatabase::on_progress(void* self) {
  const auto deadline = static_cast<SqliteDatabase*>(self)->deadline_;
  return deadline != std::chrono::steady_clock::time_point{} &&
         std::chrono::steady_clock::now() > deadline;
}

SqliteStatement* SqliteDatabase::prepare(const std::string& sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    found->second->reset();
    return found->second.get();
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK ||
      !statement) {
    return nullptr;
  }
  if (statements_.size() >= kMostStatements) statements_.clear();
  return (statements_[sql] = std::make_unique<SqliteStatement>(statement)).get();
}

std::string SqliteDatabase::run(const std::string& sql) {
  return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? "" : error();
}

std::optional<std::string> SqliteDatabase::value(const std::string& sql) {
  SqliteStatement* statement = prepare(sql);
  if (!statement || statement->step() != SqliteStatement::Step::row) return std::nullopt;
  const auto column = statement->column(0);
  std::optional<std::string> out;
  if (column) out = std::string(*column);
  statement->reset();
  return out;
}

std::string SqliteDatabase::error() const { return "sqlite " + path_ + ": " + sqlite3_errmsg(db_); }

bool SqliteDatabase::busy() const { return (sqlite3_errcode(db_) & 0xff) == SQLITE_BUSY; }

bool SqliteDatabase::too_big() const { return (sqlite3_errcode(db_) & 0xff) == SQLITE_TOOBIG; }

}  // namespace marquee::store
