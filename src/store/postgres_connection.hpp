// One connection to PostgreSQL on Asio, without ever blocking: names are resolved
// by net::Resolver and given as hostaddr, hosts are tried one by one within a time
// of their own, questions are pipelined and answered in order, prepared on first
// use. It reconnects by itself with a growing, jittered pause.
// Not thread-safe: one thread runs the io_context and calls these. Callbacks come
// from the io_context, except where said otherwise.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres_url.hpp"

namespace boost::asio {
class io_context;
}
namespace marquee::net {
class Resolver;
}

namespace marquee::store {

// The rows of one answer; views live as long as it does.
class PostgresRows {
 public:
  explicit PostgresRows(const void* result) : result_(result) {}
  int size() const;
  std::optional<std::string_view> at(int row, int column) const;

 private:
  const void* result_;
};

class PostgresConnection {
 public:
  struct Options {
    PostgresUrl url;
    std::chrono::milliseconds connect_timeout{5'000};  // for each address
    std::chrono::milliseconds timeout{2'000};  // of a question; then the connection is given up
    std::chrono::milliseconds first_pause{100};
    std::chrono::milliseconds longest_pause{10'000};
    std::size_t most_questions = 4096;  // waiting or under way
  };
  struct Events {
    std::function<void()> up;  // may ask at once
    // Nothing is under way any more: all was answered with an error.
    std::function<void(const std::string& sentence)> down;
    std::function<void(std::string_view channel, std::string_view payload)> notified;
  };
  // rows is null with an error, which names the database. Once; inside ask() only
  // if the question is refused, and inside close().
  using Done = std::function<void(const PostgresRows* rows, const std::string& error)>;

  PostgresConnection(boost::asio::io_context& io, net::Resolver& resolver, Options options,
                     Events events);
  // As close(). Safe from inside a callback.
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  void start();
  // Answers all that is open with an error, and ends. No event comes any more.
  void close();
  bool is_up() const;
  // `sql` has parameters $1, ...; it is prepared once for each connection. While
  // the first connection is being made, questions wait; after a failure they are
  // refused until there is one.
  void ask(const std::string& sql, std::vector<std::optional<std::string>> parameters, Done done);

  // Why there is no connection; empty while there is one.
  const std::string& trouble() const;
  std::uint64_t connects() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace marquee::store
