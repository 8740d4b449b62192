// What connections to upstreams have in common, whatever they speak: connecting,
// the TLS handshake, being idle in their pool, and what they tell it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "net/socket.hpp"
#include "net/worker.hpp"
#include "proxy/ends.hpp"
#include "proxy/upstream/ejection.hpp"

namespace marquee::proxy {

class UpstreamConnection;

// What a request says about its endpoint's health.
enum class Verdict : std::uint8_t { good, bad, none };

// What a connection tells its pool. Called when the connection's driver has
// returned from the codec; the pool may retire the connection.
class UpstreamOwner {
 public:
  virtual void on_connected(UpstreamConnection& connection) = 0;
  virtual void on_connect_failed(UpstreamConnection& connection, UpstreamFailure why) = 0;
  // It serves nobody now.
  virtual void on_idle(UpstreamConnection& connection) = 0;
  virtual void on_closed(UpstreamConnection& connection) = 0;
  // An answer's head came, or will never come: for the endpoint's health.
  virtual void on_verdict(UpstreamConnection& connection, const HealthTicket& ticket,
                          Verdict verdict) = 0;
  // Multiplexed ones: so many requests have left it, and there may be room.
  virtual void on_room(UpstreamConnection&, std::size_t) {}

 protected:
  ~UpstreamOwner() = default;
};

class UpstreamConnection : public net::Watched, public net::Expiring {
 public:
  enum class State : std::uint8_t { connecting, handshake, idle, active, closed };

  ~UpstreamConnection() override;

  // What a transport begins as.
  struct Parts {
    net::Fd fd;
    std::unique_ptr<net::ByteStream> stream;
    bool tls = false;  // the stream is a tls::Engine
  };

  // Waits for connect() under way on the descriptor, at most `limit`.
  void await_connect(net::Ms limit);
  void become_idle(net::Ms limit);
  State state() const { return state_; }
  // Of an idle connection that another pool takes over.
  void set_owner(UpstreamOwner& owner) { owner_ = &owner; }
  int fd() const { return fd_.get(); }
  net::ByteStream& stream() { return *stream_; }
  std::int64_t connect_us() const { return connect_us_; }
  bool multiplexed() const { return multiplexed_; }

  // The pool's own notes on it.
  struct Place {
    std::uint32_t endpoint = 0;
    std::size_t index = 0;  // in the pool's list of connections
  } place;

 protected:
  UpstreamConnection(net::Turn& turn, UpstreamOwner& owner, Parts parts, bool multiplexed);

  bool is_connecting() const { return state_ == State::connecting || state_ == State::handshake; }
  void continue_connect();
  // The transport stands. By default that is all: connected().
  virtual void on_transport() { connected(); }
  void connected();
  void connect_failed(UpstreamFailure why);
  // Tells the owner, once.
  void close();

  net::Turn& turn_;
  UpstreamOwner* owner_;
  net::Fd fd_;
  std::unique_ptr<net::ByteStream> stream_;
  State state_ = State::connecting;
  bool tls_;
  bool multiplexed_;
  bool idled_ = false;  // was in the pool: may have died there unseen
  net::Deadline time_;  // connect, or idle

 private:
  net::TimePoint started_{};
  std::int64_t connect_us_ = -1;
};

}  // namespace marquee::proxy
