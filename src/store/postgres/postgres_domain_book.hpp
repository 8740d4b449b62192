// Writes the directory in PostgreSQL (admin/domain_book.hpp has the contract), over
// a connection of its own that is made when it is first needed.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "admin/domain_book.hpp"
#include "store/encryption.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

// Null where the URL cannot be read. Destroyed by the thread that runs `control`, or
// when nobody does; `control` outlives it. `timeout`: of connecting.
std::unique_ptr<admin::DomainBook> make_postgres_domain_book(boost::asio::io_context& control,
                                                             const std::string& url,
                                                             std::chrono::milliseconds timeout,
                                                             std::optional<EncryptionKey> key);

}  // namespace marquee::store
