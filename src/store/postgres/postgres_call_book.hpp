// Records calls of modules' APIs in PostgreSQL (identity/call_book.hpp has the contract),
// by the function marquee.record_calls, over a connection of its own that is made when
// it is first needed.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "identity/call_book.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

// Null where the URL cannot be read. Destroyed by the thread that runs `control`, or
// when nobody does; `control` outlives it. `timeout`: of connecting.
std::unique_ptr<identity::CallBook> make_postgres_call_book(boost::asio::io_context& control,
                                                            const std::string& url,
                                                            std::chrono::milliseconds timeout);

}  // namespace marquee::store
