// What records calls of modules' APIs in the directory that the settings name.
#pragma once
#include <memory>

#include "config/settings.hpp"
#include "identity/call_book.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

// Null for kind yaml. Opens nothing yet. Destroyed by the thread that runs
// `control`, or when nobody does.
std::unique_ptr<identity::CallBook> open_call_book(boost::asio::io_context& control,
                                                   const config::Settings& settings);

}  // namespace marquee::store
