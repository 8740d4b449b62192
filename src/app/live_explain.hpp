// explain(), with what the running process knows of the directory.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "app/directory_service.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::app {

// `directory`: null where there is none. `done` is called once on the control
// thread, perhaps inside the call, with the JSON of GET /v1/explain.
void explain_live(boost::asio::io_context& control, std::shared_ptr<const proxy::Snapshot> snapshot,
                  DirectoryService* directory, const std::string& method, const std::string& url,
                  std::function<void(std::string)> done);

}  // namespace marquee::app
