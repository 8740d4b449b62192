// What writes the directory that the settings name.
#pragma once
#include <memory>

#include "admin/domain_book.hpp"
#include "config/settings.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

// Null for kind yaml. Opens nothing yet. Destroyed by the thread that runs
// `control`, or when nobody does.
std::unique_ptr<admin::DomainBook> open_domain_book(boost::asio::io_context& control,
                                                    const config::Settings& settings);

}  // namespace marquee::store
