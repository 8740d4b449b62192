// A small blocking HTTP/1.1 client for the admin Unix socket, for the command
// line. One request per connection.
#pragma once
#include <chrono>
#include <string>
#include <variant>

#include "base/failure.hpp"

namespace marquee::admin {

struct Reply {
  unsigned status = 0;
  std::string body;
  std::string etag;  // or empty
};

struct Question {
  std::string method;
  std::string path;      // with the query
  std::string body;      // JSON; a merge patch with PATCH
  std::string if_match;  // empty: none
};

// `timeout` covers everything. The failure's sentence says what to do about it.
std::variant<Reply, base::Failure> ask(const std::string& socket, const Question& question,
                                       std::chrono::milliseconds timeout);

}  // namespace marquee::admin
