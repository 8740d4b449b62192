// One pipelined connection to Redis on a worker's own epoll set: replies come in
// the order of the commands, and all commands of a turn leave in one write. It
// connects by itself, and again after it was lost, with a jittered back-off.
//
// It never waits and queues nothing while there is no connection. Time limits of
// single commands are the owner's matter; a connection on which the oldest one has
// had no reply for `silence` is closed here.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.hpp"
#include "net/byte_stream.hpp"
#include "net/redis_codec.hpp"
#include "net/redis_socket.hpp"
#include "net/socket.hpp"
#include "net/tls_client.hpp"
#include "net/worker.hpp"

namespace marquee::net {

struct RedisSettings {
  std::string username;  // empty: the default user
  std::string password;  // empty: no AUTH
  std::uint32_t database = 0;
  std::shared_ptr<const TlsClientContext> tls;  // null: plain
  std::string server_name;
  bool master_only = false;  // asks for its ROLE, and stays only with a master
  Ms connect{1000};          // with TLS handshake and greeting
  Ms silence{1000};          // oldest command without a reply
  Ms first_back_off{50};     // doubles up to the longest, until settled()
  Ms longest_back_off{500};
};

// Told from the top of the worker's event loop, never from within send().
class RedisOwner {
 public:
  virtual void on_redis_up() = 0;  // connected, authenticated, database chosen
  // Commands without a reply are lost; they may have been done.
  virtual void on_redis_down(std::string_view why) = 0;
  virtual void on_redis_reply(std::uint64_t tag, const RedisReply& reply) = 0;

 protected:
  ~RedisOwner() = default;
};

class RedisLink final : public Watched, public Expiring {
 public:
  RedisLink(Worker& worker, RedisOwner& owner, RedisSettings settings, base::Random& random);
  ~RedisLink() override;

  // Connects to one after the other. None: waits until there are some.
  void set_addresses(std::vector<RedisAddress> addresses);

  // Connects to this one only; a connection to another one ends.
  void move_to(const RedisAddress& master);
  // Ends the connection, for good.
  void close();

  // Of the connection, or of the last attempt.
  const RedisAddress& address() const { return address_; }
  // It has proved good: should it be lost, the next one comes at once.
  void settled() { back_off_ = settings_.first_back_off; }

  bool up() const { return state_ == State::up; }
  // Commands without a reply.
  std::size_t outstanding() const { return tags_.size(); }
  // False when there is no connection, or too much waits.
  bool send(std::span<const std::string_view> words, std::uint64_t tag);
  // Ends the connection; the owner is told. It is made anew.
  void drop(std::string_view why);

  void on_ready(Ready ready) override;
  void on_deadline(Deadline& which) override;
  void run() override;  // flushes

  static constexpr std::size_t kMostOutstanding = 65'536;
  static constexpr std::size_t kMostUnsent = 8u << 20;

 private:
  enum class State : std::uint8_t { waiting, connecting, handshake, greeting, up };

  void connect();
  void go_on();
  void greet();
  void greeted(const RedisReply& reply);
  void read();
  void flush();
  void take(const RedisReply& reply);
  void fail(std::string_view why);
  void watch_silence();

  Worker& worker_;
  RedisOwner& owner_;
  RedisSettings settings_;
  base::Random& random_;
  std::vector<RedisAddress> addresses_;
  std::size_t next_address_ = 0;
  RedisAddress address_;  // of the connection
  State state_ = State::waiting;
  Fd fd_;
  std::unique_ptr<ByteStream> stream_;
  TlsClientStream* tls_ = nullptr;  // of stream_
  RedisReplies replies_;
  std::string out_;
  std::size_t sent_ = 0;
  unsigned greetings_ = 0;  // replies that are due before it is up
  struct Sent {
    std::uint64_t tag;
    TimePoint at;
  };
  std::deque<Sent> tags_;
  std::string lost_;  // why, until the owner is told
  Ms back_off_;
  Deadline again_;    // of the back-off
  Deadline connect_;  // of connecting and greeting
  Deadline silence_;  // of the oldest command
};

}  // namespace marquee::net
