// SQLite's C interface with owners and bounds. One connection belongs to one
// thread at a time. Blocking: never on a worker or the control thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace marquee::store {

// A prepared statement, ready to be run again.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* owned) : statement_(owned) {}
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // `number` from 1: the parameter "$number". Copied. One that is not in the
  // statement is left out.
  void bind(int number, std::optional<std::string_view> value);
  enum class Step : std::uint8_t { row, done, failed };
  Step step();
  // Of the current row; views until the next step().
  std::optional<std::string_view> column(int index) const;
  std::int64_t integer(int index) const;
  int columns() const;
  void reset();

 private:
  sqlite3_stmt* statement_;
};

class SqliteDatabase {
 public:
  enum class Mode : std::uint8_t { read, write, create };
  // Nothing and a sentence in `error`. `busy`: how long another one's lock is waited for.
  static std::unique_ptr<SqliteDatabase> open(const std::string& path, Mode mode,
                                              std::chrono::milliseconds busy, std::string& error);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Cached by its text and reset; null and error() set if it makes no sense.
  SqliteStatement* prepare(const std::string& sql);
  // Several statements; empty, or a sentence.
  std::string run(const std::string& sql);
  // The first column of the first row.
  std::optional<std::string> value(const std::string& sql);

  // Statements that run beyond this end with an error; zero: no bound.
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  std::string error() const;  // of the last call, with the file's name
  bool busy() const;          // it was another one's lock
  // The last error was a value beyond all bounds.
  bool too_big() const;
  const std::string& path() const { return path_; }

 private:
  SqliteDatabase(sqlite3* owned, std::string path) : db_(owned), path_(std::move(path)) {}
  static int on_progress(void* self);

  sqlite3* db_;
  std::string path_;
  std::chrono::steady_clock::time_point deadline_{};
  std::unordered_map<std::string, std::unique_ptr<SqliteStatement>> statements_;
};

}  // namespace marquee::store
