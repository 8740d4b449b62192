// A libpq result, shared by its copies. All values are texts. What it holds never
// changes, so that any thread may read it.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pg_result;

namespace marquee::store::postgres {

class Result {
 public:
  Result() = default;
  explicit Result(pg_result* owned) : result_(owned, Clear()) {}

  std::size_t rows() const;
  std::size_t columns() const;
  // nullopt: SQL NULL, or no such field.
  std::optional<std::string_view> value(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::size_t column) const {
    return value(row, column).value_or(std::string_view());
  }
  bool is_true(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::shared_ptr<pg_result> result_;
};

// How a question to the database ended.
struct Reply {
  enum class Status : unsigned char {
    answered,   // `result`
    refused,    // the database said no: `sqlstate`, `sentence`
    timed_out,  // no answer in time
    lost,       // no connection, or it went meanwhile
    full,       // too many questions are open
  };
  Status status = Status::lost;
  Result result;
  std::string sqlstate;
  std::string sentence;
  explicit operator bool() const { return status == Status::answered; }
};

}  // namespace marquee::store::postgres
