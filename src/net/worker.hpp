// One thread, one readiness loop, everything that it owns. Data-path sockets
// stand in the worker's own edge-triggered epoll set, each registered once; the
// set itself is waited on by Asio, whose io_context also carries what is not on
// the data path (posts from other threads, timers, Redis). See
// docs/decisions/001-readiness.md.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "net/turn.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::net {

// Owner of a registered descriptor.
class Watched : public Resident {
 public:
  struct Ready {
    bool in = false;      // bytes, or the peer's end, may be read
    bool out = false;     // room to write
    bool hup = false;     // the peer has ended its side (RDHUP) or both are gone
    bool error = false;
  };
  virtual void on_ready(Ready ready) = 0;
};

class Worker {
 public:
  explicit Worker(std::uint32_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::uint32_t index() const { return index_; }
  Turn& turn();
  boost::asio::io_context& io();

  // Registers `fd` once, edge-triggered, for everything. Closing the descriptor
  // ends it. False with errno when the kernel refuses.
  bool watch(int fd, Watched& owner);
  // Registers for accepting: level-triggered, input only.
  bool watch_listener(int fd, Watched& owner);
  void unwatch(int fd);

  // Runs until stop(); the calling thread becomes the worker's.
  void run();
  // From any thread.
  void stop();
  void post(std::function<void()> work);

 private:
  struct Loop;
  std::uint32_t index_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace marquee::net
