#include "store/open_domain_book.hpp"

#include "store/open_directory.hpp"
#include "store/postgres/postgres_domain_book.hpp"
#include "store/sqlite_domain_book.hpp"

namespace marquee::store {

std::unique_ptr<admin::DomainBook> open_domain_book(boost::asio::io_context& control,
                                                    const config::Settings& settings) {
  const config::Directory& d = settings.directory;
  switch (d.kind) {
    case config::DirectoryKind::yaml:
      return nullptr;
    case config::DirectoryKind::sqlite:
      return std::make_unique<SqliteDomainBook>(SqliteDomainBook::Options{
          sqlite_path(settings), d.timeout, EncryptionKey::parse(d.encryption_key)});
    case config::DirectoryKind::postgres:
      return make_postgres_domain_book(control, d.url, d.timeout,
                                       EncryptionKey::parse(d.encryption_key));
  }
  return nullptr;
}

}  // namespace marquee::store
