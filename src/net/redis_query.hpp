// A few commands to one Redis or sentinel, asked once, on the control thread: connects,
// authenticates, asks, closes. Bounded in bytes and time.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/redis_link.hpp"
#include "net/redis_value.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::net {

struct RedisQueryRequest {
  RedisAddress address;
  std::string username;                         // empty: the default user
  std::string password;                         // empty: no AUTH
  std::shared_ptr<const TlsClientContext> tls;  // null: plain
  std::string server_name;
  std::vector<std::string> command;        // at least one word
  std::chrono::milliseconds limit{1'000};  // from the connect to the reply
};

struct RedisQueryResult {
  bool ok = false;  // there is a reply that is no error
  RedisValue value;
  std::string sentence;  // not ok: what happened, for a log
};

class RedisQuery {
 public:
  using Done = std::function<void(RedisQueryResult)>;
  // Begins at once. `done` is called once, from the io_context, never inside this
  // call; not at all if the object is gone by then. It may destroy the object.
  RedisQuery(boost::asio::io_context& io, RedisQueryRequest request, Done done);
  ~RedisQuery();
  RedisQuery(const RedisQuery&) = delete;
  RedisQuery& operator=(const RedisQuery&) = delete;

 private:
  class Job;
  std::shared_ptr<Job> job_;
};

}  // namespace marquee::net
