// A small blocking HTTP/1.1 client for the admin Unix socket, for the command
// line. One request per connection.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "base/failure.hpp"

namespace marquee::admin {

struct Reply {
  unsigned status = 0;
  std::string body;
};

// `timeout` covers everything. The failure's sentence says what to do about it.
std::variant<Reply, base::Failure> ask(const std::string& socket, std::string_view method,
                                       std::string_view path, std::chrono::milliseconds timeout);
// With a body, of type application/json.
std::variant<Reply, base::Failure> ask(const std::string& socket, std::string_view method,
                                       std::string_view path, std::string_view body,
                                       std::chrono::milliseconds timeout);

}  // namespace marquee::admin
