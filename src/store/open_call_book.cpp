#include "store/open_call_book.hpp"

#include "store/open_directory.hpp"
#include "store/postgres/postgres_call_book.hpp"
#include "store/sqlite_call_book.hpp"

namespace marquee::store {

std::unique_ptr<identity::CallBook> open_call_book(boost::asio::io_context& control,
                                                   const config::Settings& settings) {
  const config::Directory& d = settings.directory;
  switch (d.kind) {
    case config::DirectoryKind::yaml:
      return nullptr;
    case config::DirectoryKind::sqlite:
      return std::make_unique<SqliteCallBook>(SqliteCallBook::Options{sqlite_path(settings)});
    case config::DirectoryKind::postgres:
      return make_postgres_call_book(control, d.url, d.timeout);
  }
  return nullptr;
}

}  // namespace marquee::store
