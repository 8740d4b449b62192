// Inside of connection.hpp; included by its two units only. connection_open.cpp
// makes a connection, connection.cpp talks over it.
#pragma once
#include <libpq-fe.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>

#include "base/uuid.hpp"
#include "net/resolver.hpp"
#include "store/postgres/connection.hpp"

namespace marquee::store::postgres {

class Connection::Impl : public std::enable_shared_from_this<Connection::Impl> {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State : std::uint8_t { idle, resolving, connecting, preparing, ready, waiting };

  Impl(boost::asio::io_context& io, net::Resolver& resolver, Conninfo info, Options options,
       Events events)
      : resolver_(resolver),
        info_(std::move(info)),
        options_(options),
        events_(std::move(events)),
        descriptor_(io),
        step_timer_(io),
        tick_timer_(io),
        random_(base::Random::from_kernel()) {}

  void start();
  void close();  // for good
  void ask(Question question);
  void send_now(Question question);
  void ready();
  void give_up(const std::string& sentence);
  void hurry();
  bool is_ready() const { return state_ == State::ready; }
  const std::string& last_error() const { return last_error_; }
  std::size_t open() const { return waiting_.size() + in_flight_.size(); }

 private:
  struct Open {
    Question question;
    Time deadline;
    Reply reply;        // what came so far
    bool over = false;  // its limit passed: the answer goes nowhere
  };
  struct FinishConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  // connection_open.cpp
  void next_host();
  void next_address();
  void connect_to(const PostgresUrl::Host& host, const std::string& address);
  void poll_connect();
  void attempt_failed(const std::string& why);
  void opened();
  void retry_later();
  void disconnect();  // releases the descriptor and the connection

  // connection.cpp
  bool send(Open& open);
  void fill_pipeline();
  void wait_readable();
  void wait_writable();
  void readable();
  void flush();
  void take_results(std::vector<Open>& finished);
  void take_notifications();
  void tick();
  void arm_tick();
  void lose(const std::string& sentence);
  void fail_all(Reply::Status status, const std::string& sentence);
  static void end(Open& open, Reply::Status status, const std::string& sentence);
  // Runs `then` when the descriptor is ready, unless the connection is another one by then.
  void when_ready(bool read, void (Impl::*then)());

  net::Resolver& resolver_;
  Conninfo info_;
  Options options_;
  Events events_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer step_timer_;  // of an attempt, or of the back-off
  boost::asio::steady_timer tick_timer_;  // limits of questions
  base::Random random_;

  State state_ = State::idle;
  std::uint64_t life_ = 0;  // grows with each disconnect(); stale events differ
  std::unique_ptr<PGconn, FinishConnection> connection_;
  std::size_t host_ = 0;
  std::vector<std::string> addresses_;  // of this host that are left
  std::uint32_t failures_ = 0;
  std::string attempt_errors_;
  std::string last_error_;
  std::deque<Open> waiting_;
  std::deque<Open> in_flight_;
  Time head_since_{};
  bool reading_ = false;
  bool writing_ = false;
  bool ticking_ = false;
};

}  // namespace marquee::store::postgres
