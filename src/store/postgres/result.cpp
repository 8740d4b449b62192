#include "store/postgres/result.hpp"

#include <libpq-fe.h>

namespace marquee::store::postgres {

void Result::Clear::operator()(pg_result* result) const { PQclear(result); }

std::size_t Result::rows() const {
  return result_ ? static_cast<std::size_t>(PQntuples(result_.get())) : 0;
}

std::size_t Result::columns() const {
  return result_ ? static_cast<std::size_t>(PQnfields(result_.get())) : 0;
}

std::optional<std::string_view> Result::value(std::size_t row, std::size_t column) const {
  if (row >= rows() || column >= columns()) return std::nullopt;
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  if (PQgetisnull(result_.get(), r, c)) return std::nullopt;
  return std::string_view(PQgetvalue(result_.get(), r, c),
                          static_cast<std::size_t>(PQgetlength(result_.get(), r, c)));
}

}  // namespace marquee::store::postgres
