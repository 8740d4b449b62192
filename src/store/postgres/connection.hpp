// One connection to PostgreSQL on the control thread's io_context: libpq driven by
// readiness, never waiting. Made anew with back-off when it is lost, hosts of the
// URL in turn, names resolved by net/resolver. Questions go out in pipeline mode,
// each one with a sync of its own, so that a failure is its own.
//
// A question has a limit. When it passes, the question ends as timed_out; when the
// one at the head of the pipeline has been there for its limit, the server hangs,
// and the connection is given up.
//
// Not thread-safe: everything, also the callbacks, runs on the io_context's thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/backoff.hpp"
#include "store/postgres/conninfo.hpp"
#include "store/postgres/result.hpp"

namespace boost::asio {
class io_context;
}
namespace marquee::net {
class Resolver;
}

namespace marquee::store::postgres {

struct Question {
  enum class Kind : std::uint8_t {
    text,      // `text` is a statement
    prepare,   // `text` is a statement, kept by the server as `name`
    prepared,  // `name` was prepared before on this connection
  };
  Kind kind = Kind::text;
  std::string name;
  std::string text;
  std::function<std::string()> late_text;  // makes `text` when it is sent; may be empty
  std::vector<std::optional<std::string>> parameters;
  std::chrono::milliseconds limit{2000};
  std::function<void(Reply)> done;  // once; may ask again
};

class Connection {
 public:
  struct Options {
    std::chrono::milliseconds connect_limit{5000};  // for one address; the URL's own wins
    Backoff backoff;
    std::size_t most_open = 1024;  // questions
    std::size_t pipeline = 64;     // of them on the wire
  };
  struct Events {
    // Connected: ask_now() what prepares it, then ready() or give_up().
    std::function<void()> connected;
    // It was ready and is lost, or an attempt on all hosts failed. Another one follows.
    std::function<void(const std::string& sentence)> down;
    std::function<void(std::string_view channel, std::string_view payload)> notified;
  };

  // `io` and `resolver` outlive it.
  Connection(boost::asio::io_context& io, net::Resolver& resolver, Conninfo info, Options options,
             Events events);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  void stop();  // ends what is open as `lost`; for good
  // Before the connection is ready it waits, but not while the database is known to
  // be down.
  void ask(Question question);
  void ask_now(Question question);  // between connected and ready
  void ready();
  void give_up(const std::string& sentence);  // and try again
  // The database is known to work: no more back-off, and questions may wait again.
  void hurry();
  bool is_ready() const;
  const std::string& last_error() const;
  std::size_t open() const;  // questions

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace marquee::store::postgres
